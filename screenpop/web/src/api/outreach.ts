/** What we owe customers: worklist, calls out, figures. */
import { request, requestBlob } from './client'
import type { Tier } from './types'

export type TaskKind =
  | 'visit'
  | 'visit_call'
  | 'receipt_call'
  | 'delivery_call'
  | 'complaint_result'
  | 'survey_followup'
  | 'improvement'
  | 'survey_result'
  | 'greeting'
  | 'retention'
  | 'notice'
export type TaskState = 'open' | 'taken' | 'done' | 'cancelled' | 'missed' | 'met'
export type TaskAction = 'take' | 'assign' | 'postpone' | 'cancel' | 'finish' | 'release' | 'reopen'

export interface TaskItem {
  id: number
  kind: TaskKind
  state: TaskState
  title: string
  customer_id: number | null
  name: string
  company: string
  tier: Tier | null
  waybill: string
  complaint_id: number | null
  due_at: string
  late: boolean
  owner: string
  outcome: string
  result: string
  ended_at: string | null
  version: number
}

export interface TaskList {
  items: TaskItem[]
  total: number
  late: number
  kinds: Partial<Record<TaskKind, number>>
  now: string
}

export interface Call {
  id: number
  state: string
  label: string
  over: boolean
  new: boolean
  at: string
  agent: string
  task_id: number | null
  customer_id: number | null
  number: string
  reason: string
  answered_at: string | null
  ended_at: string | null
  talk_s: number | null
}

export interface CallNow {
  call: Call | null
  allowed: boolean
  why_not: string
  hours: string
}

export interface Question {
  id: string
  text: string
  choices: Record<string, string>
  must: boolean
  after: [string, string] | null
}

export interface Trouble {
  text: string
  category: string
  problem: string
}

export interface TaskStep {
  at: string
  who: string
  action: string
  from_state: string
  to_state: string
  note: string
}

export interface Task extends TaskItem {
  detail: string
  created_at: string
  parent_id: number | null
  script: { rule: string; text: string }[]
  questions: Question[]
  answers: Record<string, string>
  scores: Record<string, number>
  troubles: Trouble[]
  numbers: { number_id: number | null; display: string; label: string }[]
  calls: Call[]
  steps: TaskStep[]
  actions: TaskAction[]
  callable: boolean
}

export interface TaskFields {
  note?: string
  due_at?: string
  owner?: string
  outcome?: string
  result?: string
  answers?: Record<string, string>
  scores?: Record<string, number>
}

export interface OutreachFigures {
  since: string
  until: string
  kinds: { kind: TaskKind; due: number; in_time: number; late: number; missed: number; met: number }[]
  aspects: { aspect: string; label: string; count: number; mean: number | null; low: number }[]
  keypad: Record<string, number>
}

export interface OutreachMeta {
  kinds: Record<string, string>
  by_hand: TaskKind[]
  states: Record<string, string>
  outcomes: Record<string, string>
  aspects: Record<string, string>
  low: number
  owners: { username: string; name: string }[]
  festivals: { label: string; on: string }[]
  said: string[]
  hours: string
  dial: boolean
}

export type Query = Record<string, string | number | boolean | undefined>

export const outreachApi = {
  meta: () => request<OutreachMeta>('GET', '/outreach/meta'),
  list: (query: Query, signal: AbortSignal) => request<TaskList>('GET', '/outreach/tasks', { query, signal }),
  task: (id: number, signal?: AbortSignal) => request<Task>('GET', `/outreach/tasks/${id}`, signal ? { signal } : {}),
  add: (body: Record<string, unknown>) => request<{ id: number }>('POST', '/outreach/tasks', { body }),
  act: (id: number, version: number, action: TaskAction, fields: TaskFields) =>
    request<{ version: number; state: TaskState; troubles: Trouble[] }>('POST', `/outreach/tasks/${id}/steps`, { body: { action, version, ...fields } }),
  figures: (query: Query, signal: AbortSignal) => request<OutreachFigures>('GET', '/outreach/figures', { query, signal }),
  plan: () => request<{ added: Record<string, number>; settled: Record<string, number>; said: string[] }>('POST', '/outreach/plan', { deadlineMs: 120_000 }),
  export: (query: Query) => requestBlob('/outreach/export.xlsx', query),
  dial: (body: Record<string, unknown>) => request<Call>('POST', '/dial', { body }),
  call: (id: number) => request<Call>('GET', `/dial/${id}`),
  calling: () => request<CallNow>('GET', '/dial'),
}

/** Complaints and problem items. */
import { request, requestBlob } from './client'
import type { Complaint, Tier } from './types'

export type ComplaintState = 'open' | 'handling' | 'resolved' | 'told' | 'closed' | 'withdrawn'
export type Action = 'take' | 'follow_up' | 'hand_over' | 'resolve' | 'tell' | 'call_failed' | 'close' | 'reopen' | 'withdraw'

export interface BoardItem extends Complaint {
  code: string
  state: ComplaintState
  caller: string
  number: string
  customer_id: number | null
  customer_name: string
  tier: Tier | null
  department: string
  owner: string
  cause: string
  level: number
  late: boolean
  opened_by: string
  channel: string
  promised_at: string | null
  call_at: string | null
  version: number
}

export interface Board {
  items: BoardItem[]
  counts: Partial<Record<ComplaintState, number>>
  late: number
  now: string
}

export interface Step {
  at: string
  who: string
  action: string
  from_state: string
  to_state: string
  note: string
  result: string
  changes: Record<string, [unknown, unknown]>
}

export interface Whole extends BoardItem {
  text: string
  result: string
  told_at: string | null
  told_by: string
  told_how: string
  closed_at: string | null
  level_label: string
  voice_message: boolean
  /** This person may hear it. */
  voice_open: boolean
  recordings: { id: string; agent: string; started_at: string; seconds: number | null; transcribed: boolean; score: number | null; open: boolean }[]
  steps: Step[]
  actions: Action[]
  editable: boolean
}

export interface Share {
  name: string
  count: number
  share: number
}

export interface Figures {
  since: string
  until: string
  total: number
  in_time: number
  late: number
  category: Share[]
  department: Share[]
  cause: Share[]
  problem_kind: Share[]
}

export interface CareMeta {
  departments: string[]
  causes: string[]
  owners: { username: string; name: string }[]
  kinds: Record<string, string>
  levels: string[]
  hours: Record<string, number>
  tier_factors: Record<string, number>
  defaults: boolean
}

export type ProblemKind = 'delivery' | 'damage' | 'out_of_area' | 'other'

export interface ProblemCheck {
  kind: ProblemKind
  shift: 'late' | 'mid'
  same_day: boolean
  arose_at?: string
  remark: string
}

export interface Problem {
  id: number
  code: string
  kind: ProblemKind
  label: string
  waybill: string
  customer_id: number | null
  remark: string
  site: string
  arose_at: string
  due_at: string
  registered_at: string
  registered_by: string
  registered_late: boolean
  overdue: boolean
  closed_at: string | null
  closed_by: string
  result: string
  version: number
}

export interface Problems {
  items: Problem[]
  total: number
  open: number
  overdue: number
  late: number
}

export type Query = Record<string, string | number | boolean | undefined>

const withSignal = (signal?: AbortSignal): { signal?: AbortSignal } => (signal ? { signal } : {})

export const careApi = {
  voice: (id: number) => requestBlob(`/complaints/${id}/voice`),
  meta: () => request<CareMeta>('GET', '/complaints/meta'),
  board: (query: Query, signal?: AbortSignal) => request<Board>('GET', '/complaints', { query, ...withSignal(signal) }),
  one: (id: number) => request<Whole>('GET', `/complaints/${id}`),
  edit: (id: number, version: number, fields: Record<string, string | null>) =>
    request<{ version: number }>('PATCH', `/complaints/${id}`, { body: { version, ...fields } }),
  act: (id: number, version: number, action: Action, fields: Record<string, string>) =>
    request<{ version: number; state: ComplaintState }>('POST', `/complaints/${id}/steps`, { body: { version, action, ...fields } }),
  figures: (query: Query, signal?: AbortSignal) =>
    request<Figures>('GET', '/complaints/figures', { query, deadlineMs: 15_000, ...withSignal(signal) }),
  export: (query: Query) => requestBlob('/complaints/export.xlsx', query),
  problems: (query: Query, signal?: AbortSignal) => request<Problems>('GET', '/problems', { query, ...withSignal(signal) }),
  checkProblem: (body: ProblemCheck, signal?: AbortSignal) =>
    request<{ valid: boolean; missing: string[]; void: boolean; due_at: string }>('POST', '/problems/check', { body, ...withSignal(signal) }),
  addProblem: (body: ProblemCheck & { waybill: string; pop_id?: string; customer_id?: number }) =>
    request<Problem>('POST', '/problems', { body }),
  closeProblem: (id: number, version: number, result: string) =>
    request<Problem>('POST', `/problems/${id}/close`, { body: { version, result } }),
}

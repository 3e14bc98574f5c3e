/** The wall board, listening and forced states: shapes of the wire (screenpop/wall_wire.py, api/floor_models.py). */
import { request, requestBlob } from './client'
import type { Gap } from './types'

export type WallState = 'available' | 'ringing' | 'talking' | 'hold' | 'wrapup' | 'break' | 'offline'

export interface WallFlag {
  rule: string
  title: string
  heard: string
  sure: boolean
  at: string
}
export interface WallAgent {
  agent: string
  state: WallState
  reason?: string
  since: string
  queue?: string
  tier?: string
  heard_by?: string[]
  flag?: WallFlag | null
}
export interface WallTier {
  tier: string
  label: string
  waiting: number
  oldest: string
}
export interface WallQueue {
  queue: string
  label: string
  waiting: number
  oldest?: string | null
  tiers?: WallTier[]
  offered?: number
  answered?: number
  in_time?: number
  abandoned?: number
  short?: number
  left?: number
  lost?: number
  mean_wait_s?: number | null
  longest_s?: number
  service_level?: number | null
  service_level_s?: number
  callbacks?: number
  callbacks_late?: number
}
export interface WallPerson {
  agent: string
  name: string
  queues: string[]
}
export interface WallPbx {
  up: boolean
  gaps?: Gap[]
  partial?: boolean
}
export interface Wall {
  type: 'wall'
  server_time: string
  day: string
  people: WallPerson[]
  alarms: { hold_s: number; wrapup_s: number; break_s: number }
  agents: WallAgent[]
  queues: WallQueue[]
  pbx: WallPbx
}
export interface WallUpdate {
  type: 'wall_update'
  server_time: string
  day?: string
  people?: WallPerson[]
  agents?: WallAgent[]
  queues?: WallQueue[]
  pbx?: WallPbx
}

export type ListenMode = 'listen' | 'whisper' | 'barge'
export interface Listening {
  agent: string
  mode: ListenMode
  state: 'ringing' | 'on' | 'waiting'
  since: string
}

export interface ReportRow {
  key: string
  label: string
  offered: number
  answered: number
  in_time: number
  abandoned: number
  short: number
  left: number
  lost: number
  service_level: number | null
  mean_wait_s: number | null
  longest_s: number
  rung: number
  missed: number
  talks: number
  talk_s: number
  mean_talk_s: number | null
  hold_s: number
  mean_hold_s: number | null
  wrapup_s: number
  mean_wrapup_s: number | null
  transfers: number
  callbacks: number
  callbacks_done: number
  self_service: number
  self_service_share: number | null
  complaints: number
  surveys: number
  satisfaction: number | null
  scored: number
  score: number | null
  signed_in_s: number
  occupancy: number | null
}
export interface Report {
  first: string
  last: string
  timezone: string
  total: ReportRow
  before: ReportRow
  days: ReportRow[]
  hours: ReportRow[]
  queues: ReportRow[]
  agents: ReportRow[]
  tiers: ReportRow[]
  dispositions: { name: string; count: number }[]
  categories: { name: string; count: number }[]
  gaps: Gap[]
  definitions: Record<string, string>
  synthetic: boolean
}
export interface ReportQuery {
  first: string
  last: string
  queue: string
}

export const floorApi = {
  report: (query: ReportQuery, signal: AbortSignal) =>
    request<Report>('GET', '/reports/days', { query: { ...query }, signal, deadlineMs: 60_000 }),
  exportReport: (query: ReportQuery) => requestBlob('/reports/days.xlsx', { ...query }),
  listening: () => request<{ listening: Listening | null }>('GET', '/floor/listen'),
  listen: (agent: string) => request<{ listening: Listening | null }>('POST', '/floor/listen', { body: { agent }, deadlineMs: 40_000 }),
  mode: (mode: ListenMode) => request<{ listening: Listening | null }>('PUT', '/floor/listen', { body: { mode } }),
  endListening: () => request<{ listening: Listening | null }>('DELETE', '/floor/listen'),
  force: (agent: string, body: { action: 'available' | 'break' | 'end_wrapup' | 'sign_out'; reason: string; why: string; seen: { state: string; reason: string } }) =>
    request<{ ok: boolean }>('POST', `/floor/agents/${encodeURIComponent(agent)}/state`, { body }),
}

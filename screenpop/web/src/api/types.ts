/**
 * The wire: every shape the service sends, as documented in its OpenAPI description and in the README's
 * table of the socket (protocol version 1). Times are ISO 8601 in UTC; texts are untrusted and only ever
 * rendered as text.
 */
import type { LiveMessage } from './live'

import type { CommandState, ControlPart, NotePart } from './control'

export type Role = 'agent' | 'supervisor' | 'qa' | 'qa_lead' | 'inspector' | 'admin'
export type AgentStateName = 'available' | 'ringing' | 'busy' | 'paused' | 'offline'
export type CallState = 'ringing' | 'talking' | 'held' | 'wrapup'
export type Outcome = 'one' | 'many' | 'none' | 'anonymous' | 'masked' | 'service' | 'unavailable'
export type CloseReason =
  | 'answered_elsewhere'
  | 'no_answer'
  | 'rejected'
  | 'abandoned'
  | 'completed'
  | 'transferred'
  | 'lost'
  | 'failed'

export interface User {
  username: string
  name: string
  roles: Role[]
}

export interface LoginAnswer {
  token: string
  expires_at: string
  agent: string
  user: User
  version: number
}

export interface Me extends User {
  agent: string
}

export interface Meta {
  company: string
  break_reasons: string[]
  dispositions: string[]
  queues: { name: string; label: string }[]
  tiers: { scheme: string; tiers: { id: string; label: string }[] }
  timezone: string
  wrapup_s: number
  complaint_categories: string[]
  demo: boolean
}

export interface Tier {
  scheme: string
  id: string
  label: string
  reason?: string
}

export interface Customer {
  id: number
  code: string
  kind: 'company' | 'person'
  name: string
  title: string
  company: string
  address: string
  tier: Tier | null
  representative: string
  green_channel: boolean
  birthday: string | null
  preferences: Record<string, string>
  alerts: string[]
  note: string
}

export interface Caller {
  number: string
  display: string
  name?: string
  class: string
  outcome: Outcome
  rule: string
  place: string
  extension?: string
  maybe_virtual?: boolean
  masked?: boolean
}

export interface ChainLink {
  at: string
  kind: 'answered' | 'blind' | 'attended' | 'phone'
  agent: string
  peer: string
}

export interface Call {
  node: string
  linkedid: string
  queue: string
  queue_label?: string
  did: string
  direction: 'inbound' | 'outbound' | 'internal'
  state: CallState
  offered_at: string
  answered_at?: string | null
  wrapup_at?: string | null
  wrapup_until?: string | null
  recovered?: boolean
  /** 咨询: a colleague (`peer`) asks, the caller waits with him. */
  consult?: boolean
  peer?: string
  chain?: ChainLink[]
}

export interface Complaint {
  id: number
  opened_at: string
  category: string
  state: string
  waybill: string
  due_at: string | null
  summary: string
}

export interface Waybill {
  number: string
  state: string
  updated_at: string
  origin: string
  destination: string
  receiver: string
  last_event: string
  problem: string
}

export interface WaybillEvent {
  at: string
  state?: string
  place?: string
  text: string
}

export interface WaybillDetail extends Waybill {
  sender?: string
  events: WaybillEvent[]
}

export interface Contact {
  at: string
  channel: string
  direction: string
  agent: string
  summary: string
  disposition: string
}

export interface History {
  complaints: Complaint[]
  waybills: Waybill[]
  contacts: Contact[]
}

/** What was changed elsewhere while the card is open. */
export interface Fresh {
  at: string
  customer: boolean
  waybills: string[]
  complaints: number[]
}

export interface Pop {
  type: 'pop'
  id: string
  seq: number
  call: Call
  caller: Caller
  customer: Customer | null
  candidates: Customer[]
  context: Record<string, string>
  history: History
  hints: { greeting: string; alerts: string[] }
  fresh?: Fresh | null
  control?: ControlPart | null
  /** What those who had this call before typed. */
  notes?: NotePart[]
}

export type PopChanges = Partial<
  Pick<Pop, 'call' | 'caller' | 'customer' | 'candidates' | 'context' | 'history' | 'hints' | 'fresh' | 'control' | 'notes'>
>

export interface Draft {
  note: string
  disposition: string
}

export interface Closed {
  reason: CloseReason
  by?: string
  at: string
}

export interface QueueCount {
  name: string
  label?: string
  waiting: number
  longest_s: number
}

export interface Gap {
  node: string
  since: string
  until: string | null
  reason?: string
}

export interface AgentStatus {
  state: AgentStateName
  reason: string
  since: string
  queues: QueueCount[]
  pbx: 'up' | 'down'
  gaps: Gap[]
}

/** A supervisor did something that concerns this agent. */
export interface ServiceNotice {
  type: 'notice'
  kind: 'available' | 'break' | 'end_wrapup' | 'sign_out' | 'listening'
  by: string
  reason: string
  why: string
  on: boolean
  at: string
}

export type ServerMessage =
  | {
      type: 'ready'
      version: number
      agent: string
      user: User
      state: AgentStatus
      snapshot: Pop[]
      drafts: Record<string, Draft>
      listening?: boolean
      commands?: CommandState[]
      server_time: string
    }
  | ServiceNotice
  | Pop
  | { type: 'pop_update'; id: string; seq: number; changes: PopChanges }
  | ({ type: 'command' } & CommandState)
  | { type: 'pop_close'; id: string; seq: number; reason: CloseReason; by?: string; at?: string }
  | ({ type: 'state' } & AgentStatus)
  | { type: 'error'; code: string; message: string }
  | { type: 'pong'; server_time: string }
  | LiveMessage

export type ClientMessage =
  | { type: 'auth'; token: string; tab: string }
  | { type: 'ack'; id: string }
  | { type: 'ping' }

export interface SearchItem {
  kind: 'customer' | 'waybill'
  customer: Customer | null
  waybill: Waybill | null
  /** number, suffix, code, name or waybill */
  matched: string
}

export interface CustomerNumber {
  display: string
  label: string
  key_masked: boolean
  number_id: number
  person: string
}

export interface ContactPerson {
  id: number
  name: string
  title: string
  role: string
  age: number | null
  hobbies: string
  note: string
}

/** What the pop does not show: the rest of the record, and its version. */
export interface CustomerRecord {
  version: number
  business: string
  occupation: string
  hobbies: string
  industry: string
  services: string[]
  county: string
  payment: string
  cooperation_years: number | null
  spend_fen: number
  arrears_fen: number
  satisfaction: number | null
  last_order_at: string | null
  source: string
  created_at: string
  updated_at: string
  people: ContactPerson[]
}

export interface CustomerAnswer {
  customer: Customer
  numbers: CustomerNumber[]
  history: History
  record: CustomerRecord
}

export type TimelineKind =
  | 'call'
  | 'outbound'
  | 'message'
  | 'ivr'
  | 'request'
  | 'callback'
  | 'survey'
  | 'visit'
  | 'complaint'
  | 'problem'
  | 'waybill'
  | 'score'
  | 'tier'

export interface TimelineItem {
  at: string
  kind: TimelineKind
  title: string
  text: string
  agent: string
  ref: string
}

export interface StoredPop extends Pop {
  closed: Closed | null
}

/** How one leg sounded at the agent's browser; null: the browser did not tell. */
export interface Voice {
  seconds: number
  rtt_ms: number | null
  rtt_max_ms: number | null
  jitter_ms: number | null
  jitter_max_ms: number | null
  loss_in: number | null
  loss_out: number | null
  silent_s: number | null
  codec: string
  bad: boolean
}

export interface LedgerRow {
  id: string
  node: string
  linkedid: string
  agent: string
  queue: string
  number: string
  outcome: string
  pbx_at: string
  received_at: string | null
  looked_up_at: string | null
  pushed_at: string | null
  acked_at: string | null
  answered_at: string | null
  closed_at: string | null
  final: string
  by: string
  lookup_ms: number | null
  push_ms: number | null
  ack_ms: number | null
  total_ms: number | null
  recovered: boolean
  voice: Voice[]
  pressed: number // commands given in the call
}

/** Whether a talk is recorded; `since`: paused from then on. */
export interface RecordingState {
  recording: boolean
  paused: boolean
  since: string | null
}

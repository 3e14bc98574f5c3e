/** The wire of the QA desk. Times inside a call are ms from the answer, moments ISO 8601 UTC, scores 0–100 or null. */
import { request, requestBlob } from './client'

export type Verdict = 'pass' | 'fail' | 'na' | 'review'
export type Decision = 'hit' | 'false_hit' | 'na'
export type Leg = 'agent' | 'caller'
export type Span = [number, number]
export type ReviewState =
  | 'auto_scored'
  | 'queued'
  | 'reviewed'
  | 'published'
  | 'acknowledged'
  | 'appealed'
  | 'forwarded'
  | 'reassigned'
  | 'final'
export type Action =
  | 'review'
  | 'publish'
  | 'acknowledge'
  | 'appeal'
  | 'withdraw'
  | 'forward'
  | 'assign'
  | 'final'
  | 'transcribe'
  | 'queue'

export interface Engine {
  name: string
  model: string
  reason: string
}

export interface QaMeta {
  rules: { rule: string; title: string; weight: number; fatal: boolean }[]
  agents: { agent: string; name: string; team: string }[]
  queues: { name: string; label: string }[]
  inspectors: { username: string; name: string; roles: string[] }[]
  engine: Engine
  rules_version: string
  low_score: number
  recording: boolean
  calls: string
  voices: string
  states: ReviewState[]
}

export interface QaJob {
  state: string
  phase: string
  percent: number
  reason: string
  note: string
  attempts: number
}

export interface QaCall {
  id: string
  started_at: string
  ended_at: string | null
  duration_s: number | null
  agent: string
  agent_name: string
  team: string
  queue: string
  queue_label: string
  direction: string
  number: string
  customer: { id: number; name: string; title: string } | null
  hung_up_by: string
  complaint: {
    id: number
    code: string
    category: string
    state: string
    waybill: string
    promised_at: string | null
  } | null
  job: QaJob | null
  score: number | null
  auto_score: number | null
  manual_score: number | null
  final_score: number | null
  decided: number | null
  fatal: { rule: string; title: string; proposed: boolean }[]
  fails: string[]
  reviews: string[]
  review: {
    state: ReviewState
    reason: string
    inspector: string
    sampled: boolean
    version: number
    updated_at: string
  } | null
}

export interface QaLeg {
  state: string
  note: string
  duration_ms: number
  peaks: { per_s: number; values: number[] }
  speech: Span[]
  noise: number | null
}

export interface QaTurn {
  role: Leg
  t0: number
  t1: number
  text: string
  words: { text: string; t0: number; t1: number; confidence: number }[]
}

export interface DiffPart {
  text: string
  same: boolean
}

export interface Evidence {
  leg: string
  t0: number
  t1: number
  operator: string
  heard: string
  due: string
  similarity: number | null
  diff: { due: DiffPart[]; heard: DiffPart[] } | null
  pause: { measured_ms: number; min_ms: number; max_ms: number | null } | null
}

export interface SheetRow {
  rule: string
  title: string
  source: string
  weight: number
  fatal: boolean
  advisory: boolean
  note: string
  auto: Verdict
  verdict: Verdict
  proposed: boolean
  decision: { decision: Decision; by: string; at: string; comment: string } | null
  evidence: Evidence[]
}

export interface Mark {
  rule: string
  verdict: Verdict
  leg: string
  t0: number
  t1: number
  added: boolean
}

export interface Added {
  id: number
  rule: string
  leg: Leg
  t0: number
  t1: number
  comment: string
  by: string
  at: string
}

export interface HistoryRow {
  at: string
  who: string
  who_name: string
  role: string
  action: string
  from: string
  to: string
  note: string
}

export interface QaDetail extends QaCall {
  bridge_s: number | null
  file_s: number | null
  drift: number | null
  timing_trusted: boolean
  holds: Span[]
  pauses: Span[]
  audio: boolean
  legs: Partial<Record<Leg, QaLeg>>
  turns: QaTurn[]
  sheet: SheetRow[]
  marks: Mark[]
  added: Added[]
  comments: { by: string; at: string; text: string }[]
  history: HistoryRow[]
  appeals: { rule: string; reason: string; by: string; at: string; outcome: string }[]
  scores: {
    at: string
    kind: string
    engine: string
    model: string
    rules_version: string
    score: number | null
    decided: number
  }[]
  engine: string
  rules_version: string
  voices: string
  actions: Action[]
}

export interface DecisionIn {
  rule: string
  decision: Decision | null
  comment: string
}

export type AddedIn = Pick<Added, 'rule' | 'leg' | 't0' | 't1' | 'comment'>

export interface Sample {
  id: number
  seed: number
  at: string
  who: string
  per_agent: number
  filter: { from: string; to: string; queue: string; agents: string[]; complaints_only: boolean }
  population: number
  drawn: number
  agents: { agent: string; population: number; drawn: number }[]
  calls?: string[]
}

export interface Precision {
  n: number
  hits: number
  value: number | null
  low: number | null
  high: number | null
  enough: boolean
  note: string
}

export interface DayRow {
  day: string
  calls: number
  scored: number
  mean_score: number | null
  fatal: number
}

export interface GroupRow {
  calls: number
  scored: number
  mean_score: number | null
  fatal: number
  appeals: number
  trend: DayRow[]
}

export interface RuleFigures {
  rule: string
  title: string
  weight: number
  fatal: boolean
  pass: number
  fail: number
  na: number
  review: number
  fail_share: number | null
  trend: { day: string; fail: number; decided: number }[]
  precision: Precision
}

export interface Dashboard {
  from: string
  to: string
  calls: number
  scored: number
  coverage: number | null
  reviewed: number
  review_coverage: number | null
  decided_share: number | null
  mean_score: number | null
  mean_auto: number | null
  trend: DayRow[]
  agents: (GroupRow & { agent: string; name: string; team: string })[]
  teams: (GroupRow & { team: string })[]
  rules: RuleFigures[]
  fatal: {
    id: string
    started_at: string
    agent: string
    agent_name: string
    rule: string
    title: string
    proposed: boolean
    state: string
  }[]
  backlog: {
    queued: number
    by_reason: Record<string, number>
    oldest_at: string | null
    appealed: number
    forwarded: number
    reassigned: number
    jobs: Record<string, number>
  }
  voices: string
}

export interface Jobs {
  total: number
  counts: Record<string, number>
  workers: { worker: string; jobs: number; seen_at: string }[]
  engine: Engine
  items: {
    id: number
    call: string
    agent: string
    started_at: string
    state: string
    phase: string
    percent: number
    attempts: number
    reason: string
    note: string
    worker: string
    created_at: string
    updated_at: string
    finished_at: string | null
  }[]
}

export interface RuleFile {
  name: string
  text: string
}

export interface Rules {
  rules_version: string
  unconfirmed: string
  rules: {
    rule: string
    title: string
    source: string
    weight: number
    fatal: boolean
    advisory: boolean
    note: string
    file: string
    line: number
    examples: number
  }[]
  parameters: { name: string; value: number; unit: string; title: string; note: string; file: string }[]
  files: RuleFile[]
}

export interface Preview {
  calls: number
  before: string
  after: string
  changes: { call: string; agent: string; started_at: string; rule: string; before: Verdict; after: Verdict }[]
  scores: { call: string; before: number | null; after: number | null }[]
  rules: { rule: string; changes: number }[]
}

export type Query = Record<string, string | number | boolean | undefined>

const call = (id: string): string => `/qa/calls/${encodeURIComponent(id)}`
const step = (id: string, name: string, body: unknown): Promise<QaDetail> =>
  request<QaDetail>('POST', `${call(id)}/${name}`, { body })

export const qaApi = {
  meta: () => request<QaMeta>('GET', '/qa/meta'),
  calls: (query: Query, mine: boolean, signal?: AbortSignal) =>
    request<{ total: number; items: QaCall[] }>('GET', mine ? '/qa/mine' : '/qa/calls', {
      query,
      ...(signal ? { signal } : {}),
    }),
  detail: (id: string, signal?: AbortSignal) => request<QaDetail>('GET', call(id), signal ? { signal } : {}),
  audio: (id: string, leg: Leg, signal?: AbortSignal) =>
    requestBlob(`${call(id)}/audio/${leg}`, {}, 60_000, signal),
  review: (
    id: string,
    body: {
      version: number
      decisions?: DecisionIn[]
      added?: AddedIn[]
      remove_added?: number[]
      comment?: string
      done: boolean
    },
  ) => step(id, 'review', body),
  final: (
    id: string,
    body: { version: number; decisions: DecisionIn[]; added?: AddedIn[]; remove_added?: number[]; comment: string },
  ) => step(id, 'final', body),
  publish: (id: string, version: number, comment: string) => step(id, 'publish', { version, comment }),
  acknowledge: (id: string, version: number) => step(id, 'acknowledge', { version }),
  appeal: (id: string, version: number, items: { rule: string; reason: string }[]) =>
    step(id, 'appeal', { version, items }),
  withdraw: (id: string, version: number) => step(id, 'withdraw', { version }),
  forward: (id: string, version: number, comment: string) => step(id, 'forward', { version, comment }),
  assign: (id: string, version: number, inspector: string, comment: string) =>
    step(id, 'assign', { version, inspector, comment }),
  queue: (id: string, version: number) => step(id, 'queue', { version }),
  transcribe: (id: string) => step(id, 'transcribe', {}),
  sample: (body: {
    per_agent: number
    seed?: number
    from: string
    to: string
    queue: string
    agents: string[]
    complaints_only: boolean
  }) => request<Sample>('POST', '/qa/sample', { body }),
  samples: () => request<{ items: Sample[] }>('GET', '/qa/samples'),
  dashboard: (query: Query, signal?: AbortSignal) =>
    request<Dashboard>('GET', '/qa/dashboard', { query, deadlineMs: 30_000, ...(signal ? { signal } : {}) }),
  export: (query: Query) => requestBlob('/qa/export.xlsx', query, 120_000),
  jobs: (query: Query) => request<Jobs>('GET', '/qa/jobs', { query }),
  rules: () => request<Rules>('GET', '/qa/rules'),
  preview: (files: RuleFile[], limit: number) =>
    request<Preview>('POST', '/qa/rescore-preview', {
      body: { files, from: null, to: null, limit },
      deadlineMs: 120_000,
    }),
}

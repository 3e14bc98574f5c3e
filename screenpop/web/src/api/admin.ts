/** 系统管理: tokens, subscriptions, imports and exports, the audit log, one person's data, users. */
import { request, requestBlob, requestUpload } from './client'
import type { Role } from './types'

export interface Integration {
  id: number
  name: string
  scopes: string[]
  signed: boolean
  rate_per_min: number
  created_at: string
  created_by: string
  expires_at: string | null
  revoked_at: string | null
  last_used_at: string | null
  last_remote: string
}

export interface Subscription {
  id: number
  name: string
  url: string
  kinds: string[]
  created_at: string
  disabled_at: string | null
  failures: number
  not_before: string | null
  last_error: string
  last_success_at: string | null
  waiting: number
  sent: number
  dead: number
}

export interface Delivery {
  id: number
  seq: number
  subscription: string
  kind: string
  subject: string
  at: string
  state: 'waiting' | 'sent' | 'dead'
  attempts: number
  due_at: string
  sent_at: string | null
  last_error: string
}

export interface AuditEntry {
  id: number
  at: string
  who: string
  action: string
  label: string
  subject: string
  detail: Record<string, unknown>
  remote: string
}

export interface ImportJob {
  id: string
  kind: Kind
  file_name: string
  dry_run: boolean
  who: string
  state: 'running' | 'done' | 'refused' | 'failed'
  step: string
  rows: number
  created: number
  changed: number
  unchanged: number
  bad: number
  written: boolean
  already: string | null
  tiers_changed: number | null
  faults: { line: number; column: string; reason: string }[]
  warnings: string[]
  error: string
}

export interface ImportRow {
  kind: Kind
  file_name: string
  who: string
  finished_at: string
  rows: number
  created: number
  changed: number
  unchanged: number
}

export interface Person {
  customer_id: number | null
  name: string
  counts: Record<string, number>
  note: string
}

export interface UserRow {
  username: string
  name: string
  roles: Role[]
  agent: string
  team: string
  disabled: boolean
}

export interface Consents {
  items: { purpose: string; label: string; given: boolean | null; allowed: boolean }[]
  history: { purpose: string; given: boolean; at: string; who: string; source: string; note: string }[]
  sources: string[]
}

export type Kind = 'customers' | 'waybills' | 'orders' | 'payments'
export type ExportKind = Kind | 'complaints'

const part = encodeURIComponent

export const adminApi = {
  integrations: () => request<{ items: Integration[]; scopes: Record<string, string> }>('GET', '/admin/integrations'),
  addIntegration: (body: { name: string; scopes: string[]; days: number | null; signed: boolean }) =>
    request<{ name: string; token: string; secret: string }>('POST', '/admin/integrations', { body }),
  revoke: (name: string) => request<unknown>('POST', `/admin/integrations/${part(name)}/revoke`),
  subscriptions: () => request<{ items: Subscription[]; kinds: Record<string, string> }>('GET', '/admin/subscriptions'),
  subscribe: (body: { name: string; url: string; kinds: string[] }) =>
    request<{ name: string; secret: string }>('POST', '/admin/subscriptions', { body }),
  turn: (name: string, on: boolean) => request<unknown>('PATCH', `/admin/subscriptions/${part(name)}`, { body: { on } }),
  unsubscribe: (name: string) => request<unknown>('DELETE', `/admin/subscriptions/${part(name)}`),
  deliveries: (state: string) => request<{ items: Delivery[] }>('GET', '/admin/deliveries', { query: { state } }),
  resend: (body: { delivery_id?: number; subscription?: string }) => request<{ count: number }>('POST', '/admin/resend', { body }),
  users: () => request<{ items: UserRow[] }>('GET', '/admin/users'),
  audit: (query: Record<string, string | number | undefined>, signal: AbortSignal) =>
    request<{ items: AuditEntry[]; actions: Record<string, string> }>('GET', '/audit', { query, signal, deadlineMs: 15_000 }),
  exportAudit: (query: Record<string, string | number | undefined>) => requestBlob('/audit/export.xlsx', query),
  imports: () => request<{ job: ImportJob | null; items: ImportRow[] }>('GET', '/imports'),
  upload: (kind: Kind, file: File, dryRun: boolean) => requestUpload<ImportJob>(`/imports/${part(kind)}`, file, { name: file.name, dry_run: dryRun }),
  job: (jobId: string) => request<ImportJob>('GET', `/imports/jobs/${part(jobId)}`),
  exportKind: (kind: ExportKind, form: 'xlsx' | 'csv') => requestBlob(`/exports/${part(kind)}`, { form }, 300_000),
  person: (who: string) => request<Person>('GET', '/admin/person', { query: { who }, deadlineMs: 60_000 }),
  exportPerson: (who: string) => requestBlob('/admin/person/export.json', { who }),
  erase: (who: string, confirm: string) => request<Person>('POST', '/admin/person/erase', { body: { who, confirm }, deadlineMs: 60_000 }),
  consents: (customerId: number) => request<Consents>('GET', `/customers/${customerId}/consents`),
  consent: (customerId: number, body: { purpose: string; given: boolean; source: string }) =>
    request<Consents>('POST', `/customers/${customerId}/consents`, { body }),
}

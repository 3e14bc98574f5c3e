/** Customer value: tiers, upgrade proposals, churn, preferences, points. */
import { request } from './client'
import type { Tier } from './types'

export interface Summary {
  scheme: string
  schemes: { scheme: string; label: string; source: string; active: boolean; open_thresholds: boolean }[]
  tiers: { tier: string; label: string; customers: number; revenue: number }[]
  industries: string[]
  services: string[]
  regions: string[]
  computed_at: string | null
  crowded: { agent: string; customers: number }[]
  most_customers: number
}

export interface Valued {
  id: number
  code: string
  name: string
  kind: 'company' | 'person'
  tier: Tier | null
  industry: string
  services: string[]
  region: string
  representative: string
  current_value: number | null
  potential_value: number | null
}

export interface Reach {
  tier: string
  label: string
  wanting: string
}

export interface Upgrade extends Valued {
  reached_at: string | null
  reach: Reach | null
}

export type Step = 'open' | 'contacted' | 'explained' | 'remedied' | 'kept' | 'lost'

export interface Churn {
  kind: 'silent' | 'volume'
  since: string | null
  text: string
  silent_days: number | null
  cycle_days: number | null
  volume_30d: number | null
  volume_before: number | null
  last_order_at: string | null
}

export interface Churning extends Valued {
  churn: Churn
  step: Step
  step_who: string
  step_at: string | null
  step_note: string
  next_steps: Step[]
  effort: string
}

export interface Value {
  id: number
  version: number
  industry: string
  services: string[]
  county: string
  region: string
  current_value: number | null
  potential_value: number | null
  growth: number | null
  tiers: { scheme: string; name: string; active: boolean; since: string | null; tier: string; label: string; reason: string; route: string; services: string[] }[]
  reach: Reach | null
  churn: Churn | null
  steps: { at: string; step: Step; who: string; note: string }[]
  history: { at: string; scheme: string; tier_id: string; label: string; reason: string; cause: string; step: number }[]
  points: number
  points_entries: { at: string; delta: number; reason: string; who: string }[]
  preferences: Record<string, string>
  preference_names: string[]
}

export type Query = Record<string, string | number | undefined>

const withSignal = (signal?: AbortSignal): { signal?: AbortSignal } => (signal ? { signal } : {})
// over all customers: longer than one look-up
const deadlineMs = 15_000

export const valueApi = {
  summary: (query: Query, signal?: AbortSignal) =>
    request<Summary>('GET', '/value/summary', { query, deadlineMs, ...withSignal(signal) }),
  upgrades: (query: Query, signal?: AbortSignal) =>
    request<{ total: number; items: Upgrade[] }>('GET', '/value/upgrades', { query, deadlineMs, ...withSignal(signal) }),
  churn: (query: Query, signal?: AbortSignal) =>
    request<{ total: number; items: Churning[] }>('GET', '/value/churn', { query, deadlineMs, ...withSignal(signal) }),
  of: (customerId: number) => request<Value>('GET', `/customers/${customerId}/value`),
  step: (customerId: number, step: Step, note: string) =>
    request<{ step: Step; next_steps: Step[] }>('POST', `/customers/${customerId}/retention`, { body: { step, note } }),
  savePreferences: (customerId: number, version: number, preferences: Record<string, string>) =>
    request<{ version: number; preferences: Record<string, string> }>('PUT', `/customers/${customerId}/preferences`, {
      body: { version, preferences },
    }),
  addPoints: (customerId: number, delta: number, reason: string) =>
    request<{ points: number }>('POST', `/customers/${customerId}/points`, { body: { delta, reason } }),
}

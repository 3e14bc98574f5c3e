/** Statistics over a span of days. */
import type { Share } from './care'
import { request, requestBlob } from './client'

export interface Counted {
  name: string
  count: number
}

export interface Answered extends Counted {
  in_time: number
  late: number
  waiting: number
  overdue: number
  hours: number | null
  allowed: number | null
}

export interface Statistics {
  first: string
  last: string
  at: string
  tiers: {
    scheme: string
    label: string
    tiers: { tier: string; label: string; customers: number; revenue: number }[]
    up: number
    down: number
    days: { day: string; up: number; down: number }[]
    moves: { from_tier: string; tier: string; up: boolean; count: number }[]
  } | null
  complaints: {
    total: number
    days: { day: string; count: number }[]
    category: Share[]
    department: Share[]
    cause: Share[]
    answers: Answered[]
  }
  problems: (Share & { late: number; overdue: number })[]
  satisfaction: { scores: number[]; mean: number | null; days: { day: string; count: number; mean: number | null }[] }
  contacts: { channels: Counted[]; dispositions: Share[] }
  self_service: {
    served: number
    to_person: number
    share: number | null
    uses: Counted[]
    requests: Counted[]
    complaints: number
    callbacks: Counted[]
  }
}

export type Days = { first: string; last: string }

export const statisticsApi = {
  of: (days: Days, signal: AbortSignal) => request<Statistics>('GET', '/statistics', { query: days, signal, deadlineMs: 40_000 }),
  export: (days: Days) => requestBlob('/statistics/export.xlsx', days),
}

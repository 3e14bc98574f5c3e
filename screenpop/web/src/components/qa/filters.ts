/** The filters of the list: kept in the address, sent to the service, handed on to the export and the next call. */
import type { LocationQuery, LocationQueryRaw } from 'vue-router'
import type { Query } from '@/api/qa'

export const FILTERS = [
  ...(['agent', 'queue', 'team', 'from', 'to', 'rule', 'verdict', 'state', 'reason', 'job'] as const),
  ...(['score_min', 'score_max', 'fatal', 'complaint', 'mine', 'sample', 'q', 'sort', 'offset'] as const),
]
export type Filter = (typeof FILTERS)[number]
export type Filters = Partial<Record<Filter, string>>

export const PAGE = 50

export function filtersOf(query: LocationQuery): Filters {
  const found: Filters = {}
  for (const name of FILTERS) {
    const value = query[name]
    if (typeof value === 'string' && value) found[name] = value
  }
  return found
}

export function toAddress(filters: Filters): LocationQueryRaw {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined && value !== ''))
}

/** A day of the address as a moment: its beginning or its end in the zone of the house. */
export function momentOf(day: string, zone: string, end = false): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined
  const midnight = Date.parse(`${day}T00:00:00Z`) + (end ? 86_400_000 : 0)
  if (Number.isNaN(midnight)) return undefined
  return new Date(midnight - offsetOf(zone, midnight)).toISOString()
}

function offsetOf(zone: string, at: number): number {
  const parts: Record<string, number> = {}
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - at
}

/** What the service is asked for. */
export function toQuery(filters: Filters, zone: string, limit: number = PAGE): Query {
  const { from, to, ...rest } = filters
  return {
    ...rest,
    from: from ? momentOf(from, zone) : undefined,
    to: to ? momentOf(to, zone, true) : undefined,
    limit,
  }
}

export const count = (filters: Filters): number =>
  Object.keys(filters).filter((name) => name !== 'sort' && name !== 'offset').length

/** The columns of a report, and how a figure is written. */
import type { ReportRow } from '@/api/floor'
import { duration } from '@/lib/time'

type Name = Exclude<keyof ReportRow, 'key' | 'label'>
const CALLS: Name[] = ['offered', 'answered', 'service_level', 'abandoned', 'short', 'left', 'lost', 'mean_wait_s', 'longest_s']
const TALKS: Name[] = ['talks', 'mean_talk_s', 'mean_hold_s', 'mean_wrapup_s', 'transfers']

export const COLUMNS: Record<string, readonly Name[]> = {
  days: [...CALLS, ...TALKS, 'callbacks', 'callbacks_done', 'self_service_share', 'complaints', 'satisfaction', 'score', 'occupancy'],
  hours: [...CALLS, ...TALKS, 'callbacks', 'self_service_share', 'complaints'],
  queues: [...CALLS, ...TALKS, 'callbacks', 'callbacks_done'],
  agents: ['rung', 'missed', ...TALKS, 'signed_in_s', 'occupancy', 'satisfaction', 'score'],
  tiers: [...CALLS, 'complaints'],
}
export const TOTALS: readonly Name[] = ['offered', 'answered', 'service_level', 'abandoned', 'mean_wait_s', 'talks', 'mean_talk_s', 'complaints']

export function shown(row: ReportRow, name: Name): string {
  const value = row[name]
  if (value === null) return '—'
  if (name === 'service_level' || name === 'self_service_share' || name === 'occupancy') return `${(value * 100).toFixed(1)}%`
  if (name.endsWith('_s')) return value < 60 ? `${Math.round(value)}s` : duration(value * 1000)
  return Number.isInteger(value) ? String(value) : value.toFixed(1)
}

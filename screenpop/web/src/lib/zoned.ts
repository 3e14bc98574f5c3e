/** Moments as a field for date and time shows them: wall clock in the zone of the installation. */
import { fullTime } from './time'

/** `2025-03-01T14:05` in the zone. */
export function toField(ms: number, zone: string): string {
  return fullTime(ms, zone).slice(0, 16).replace(' ', 'T')
}

/** The moment of such a text, or null where it is none. */
export function fromField(text: string, zone: string): string | null {
  const wall = Date.parse(`${text}Z`)
  if (Number.isNaN(wall)) return null
  const offset = (ms: number): number => Date.parse(`${fullTime(ms, zone).replace(' ', 'T')}Z`) - Math.floor(ms / 1000) * 1000
  return new Date(wall - offset(wall - offset(wall))).toISOString()
}

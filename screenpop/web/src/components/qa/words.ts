/** Numbers of the QA desk as people read them. */

/** `1:03.5` of ms. */
export function secondsOf(ms: number): string {
  const tenths = Math.max(0, Math.round(ms / 100))
  const minutes = Math.floor(tenths / 600)
  const seconds = (tenths % 600) / 10
  return `${minutes}:${seconds.toFixed(1).padStart(4, '0')}`
}

/** `3.8`, `5`: seconds with one decimal where there is one. */
export function short(ms: number): string {
  const value = Math.round(ms / 100) / 10
  return Number.isInteger(value) ? String(value) : value.toFixed(1)
}

export const score = (value: number | null | undefined): string =>
  value === null || value === undefined ? '—' : value.toFixed(1)

export const share = (value: number | null | undefined, digits = 0): string =>
  value === null || value === undefined ? '—' : `${(value * 100).toFixed(digits)}%`

/** What was due: `5`, `4.5–10` s. */
export function due(pause: { min_ms: number; max_ms: number | null }): string {
  if (pause.max_ms === null) return short(pause.min_ms)
  if (pause.min_ms <= 0) return `≤ ${short(pause.max_ms)}`
  return `${short(pause.min_ms)}–${short(pause.max_ms)}`
}

/** Recognised less surely than this is shown grey. */
export const UNSURE = 0.6

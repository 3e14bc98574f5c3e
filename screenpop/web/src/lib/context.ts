/** What the caller did in the menu, out of the free-form context that travels with the call. */
import type { Waybill } from '@/api/types'

export interface MenuContext {
  path: string[]
  waybill: string
  waybillState: string
  rest: { key: string; value: string }[]
}

/** Shown in their own place, or known from the customer's record. */
const KNOWN = new Set(['path', 'waybill', 'waybill_state', 'tier', 'priority', 'task', 'dial', 'dial_status'])
const MAX_STEPS = 8
const MAX_CHARS = 60

const clip = (text: string): string => (text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text)

/** The texts come from the caller and the flow: they are clipped here and escaped by the template. */
export function readContext(context: Record<string, unknown>, waybills: readonly Waybill[]): MenuContext {
  const text = (key: string): string => {
    const value = context[key]
    return value === undefined || value === null ? '' : clip(String(value))
  }
  const path = String(context['path'] ?? '')
    .split(/[>›→/,]/)
    .map((step) => clip(step.trim().replace(/^!/, '⚠ '))) // `!reason`: the menu broke off there
    .filter(Boolean)
  const waybill = text('waybill')
  const rest = Object.keys(context)
    .filter((key) => !KNOWN.has(key))
    .map((key) => ({ key: clip(key), value: text(key) }))
    .filter((entry) => entry.value !== '')
    .slice(0, MAX_STEPS)
  return {
    path: path.slice(-MAX_STEPS),
    waybill,
    waybillState: text('waybill_state') || (waybills.find((w) => w.number === waybill)?.state ?? ''),
    rest,
  }
}

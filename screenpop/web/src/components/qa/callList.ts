/** The order of the last list, so that the next call is one key away. */
import { qaApi } from '@/api/qa'
import { PAGE, toQuery, type Filters } from './filters'

let key = ''
let offset = 0
let ids: string[] = []

const keyOf = (filters: Filters, mine: boolean): string => JSON.stringify([{ ...filters, offset: '' }, mine])

export function remember(filters: Filters, mine: boolean, found: string[]): void {
  key = keyOf(filters, mine)
  offset = Number(filters.offset ?? 0)
  ids = found
}

/** The call after this one in the same list, or null at its end. */
export async function nextOf(id: string, filters: Filters, mine: boolean, zone: string): Promise<string | null> {
  if (key !== keyOf(filters, mine)) {
    offset = Number(filters.offset ?? 0)
    const { items } = await qaApi.calls(toQuery({ ...filters, offset: String(offset) }, zone), mine)
    remember(filters, mine, items.map((item) => item.id))
  }
  const here = ids.indexOf(id)
  const next = ids[here + 1]
  if (next && next !== id) return next
  if (ids.length < PAGE) return null
  const { items } = await qaApi.calls(toQuery({ ...filters, offset: String(offset + PAGE) }, zone), mine)
  if (!items.length) return null
  remember({ ...filters, offset: String(offset + PAGE) }, mine, items.map((item) => item.id))
  return ids.find((other) => other !== id) ?? null
}

/** Which columns of the list are shown; kept in this browser. The name is always there. */
import { ref } from 'vue'
import { load, save } from '@/lib/storage'

export const COLUMNS = ['number', 'tier', 'industry', 'services', 'region', 'county', 'representative', 'value', 'potential', 'alert', 'updated'] as const
export type Column = (typeof COLUMNS)[number]

const KEY = 'laidian.customers.columns'
const USUAL: Column[] = ['number', 'tier', 'industry', 'services', 'representative', 'value', 'alert', 'updated']

export function useColumns() {
  const kept = load<unknown>(KEY, USUAL)
  const shown = ref<Column[]>(Array.isArray(kept) ? COLUMNS.filter((name) => kept.includes(name)) : USUAL)

  function flip(name: Column): void {
    shown.value = COLUMNS.filter((one) => (one === name ? !shown.value.includes(one) : shown.value.includes(one)))
    save(KEY, shown.value)
  }

  return { shown, flip }
}

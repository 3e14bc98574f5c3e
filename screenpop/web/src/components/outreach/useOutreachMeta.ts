/** People, festivals, hours: asked for once, again after a failure. */
import { ref } from 'vue'
import { outreachApi, type OutreachMeta } from '@/api/outreach'

const meta = ref<OutreachMeta>({ kinds: {}, by_hand: [], states: {}, outcomes: {}, aspects: {}, low: 2, owners: [], festivals: [], said: [], hours: '', dial: false })
let asked = false

export function useOutreachMeta() {
  if (!asked) {
    asked = true
    outreachApi.meta().then((found) => (meta.value = found), () => (asked = false))
  }
  const person = (username: string): string => meta.value.owners.find((o) => o.username === username)?.name ?? username
  return { outreach: meta, person }
}

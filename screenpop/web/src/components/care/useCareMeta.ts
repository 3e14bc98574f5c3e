/** Departments, causes, people: asked for once, again after a failure. */
import { ref } from 'vue'
import { careApi, type CareMeta } from '@/api/care'

const meta = ref<CareMeta>({ departments: [], causes: [], owners: [], kinds: {}, levels: [], hours: {}, tier_factors: {}, defaults: true })
let asked = false

export function useCareMeta() {
  if (!asked) {
    asked = true
    careApi.meta().then((found) => (meta.value = found), () => (asked = false))
  }
  const person = (username: string): string => meta.value.owners.find((o) => o.username === username)?.name ?? username
  return { care: meta, person }
}

/** Departments, causes, people: asked for once. */
import { ref } from 'vue'
import { careApi, type CareMeta } from '@/api/care'

const EMPTY: CareMeta = { departments: [], causes: [], owners: [], kinds: {}, levels: [], hours: {}, tier_factors: {}, defaults: true }
const meta = ref<CareMeta>(EMPTY)

export function useCareMeta() {
  if (meta.value === EMPTY) careApi.meta().then((found) => (meta.value = found), () => undefined)
  const person = (username: string): string =>
    meta.value.owners.find((o) => o.username === username)?.name ?? username
  return { care: meta, person }
}

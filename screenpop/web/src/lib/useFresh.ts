/** What of a card was changed elsewhere within the last minute: it bears a quiet mark for so long. */
import { computed, type ComputedRef } from 'vue'
import type { Fresh, Pop } from '@/api/types'
import { useClock } from '@/stores/clock'
import { parseTime } from './time'

const SHOWN_MS = 60_000

export function useFresh(pop: () => Pop): ComputedRef<Fresh | null> {
  const clock = useClock()
  return computed(() => {
    const fresh = pop().fresh
    return fresh && clock.now - (parseTime(fresh.at) ?? 0) < SHOWN_MS ? fresh : null
  })
}

/**
 * The way back into a call whose phone leg is gone: the browser was killed, or its leg was lost. The service
 * rings this browser again and puts the caller to it; the page takes that ring by itself.
 */
import { defineStore } from 'pinia'
import { computed, watch } from 'vue'
import type { Pop } from '@/api/types'
import { useControl } from './control'
import { usePhone } from './phone'
import { usePops } from './pops'

const SETTLE_MS = 700 // a call that has just ended is told by SIP before the service tells it

export const useRejoin = defineStore('rejoin', () => {
  const phone = usePhone()
  const pops = usePops()
  const control = useControl()
  const tried = new Set<string>()
  /** Calls that this page has spoken in: their end is an end. */
  const spoken = new Set<string>()
  let timer = 0

  const live = computed<Pop[]>(() => pops.deck.cards.filter((c) => !c.closed && !c.review).map((c) => c.pop))

  const lost = computed<Pop | null>(() => {
    if (phone.present.status !== 'registered' || phone.present.call) return null
    const only = (phone.info?.beside.length ?? 0) === 0 // the talk cannot be on a phone on the table
    return (
      live.value.find((pop) => {
        if (!pop.control?.commands.includes('rejoin')) return false
        return pop.control.situation === 'lost' || (only && !spoken.has(pop.id))
      }) ?? null
    )
  })

  watch(
    () => [phone.present.call?.state, live.value] as const,
    ([state]) => {
      if (state !== 'talking') return
      for (const pop of live.value) if (['talking', 'held'].includes(pop.call.state)) spoken.add(pop.id)
    },
  )

  function rejoin(id: string): void {
    phone.expect()
    void control.order(id, 'rejoin')
  }

  watch(
    () => lost.value?.id,
    (id) => {
      window.clearTimeout(timer)
      if (!id || tried.has(id)) return
      timer = window.setTimeout(() => {
        if (lost.value?.id !== id) return
        tried.add(id)
        spoken.add(id)
        rejoin(id)
      }, SETTLE_MS)
    },
    { immediate: true },
  )

  return { lost, rejoin }
})

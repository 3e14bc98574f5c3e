/** One clock for the page, set by the service: a wrong computer clock must not show wrong waiting times. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const useClock = defineStore('clock', () => {
  const offset = ref(0)
  const now = ref(Date.now())

  function tick(): void {
    now.value = Date.now() + offset.value
  }

  /** `server` is the service's time in ms; half a round trip of error does not matter here. */
  function set(server: number): void {
    offset.value = server - Date.now()
    tick()
  }

  window.setInterval(tick, 1000)
  return { now, set }
})

/** What is open beside the card. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export type Panel =
  | { kind: 'customer'; id: number }
  | { kind: 'contact'; id: number }
  | { kind: 'waybill'; number: string }
  | { kind: 'complaint' | 'problem'; popId: string | null; customerId: number | null; waybill: string }

export const useUi = defineStore('ui', () => {
  const panels = ref<Panel[]>([])
  const help = ref(false)
  /** A text that the search is to look for. */
  const asked = ref('')
  const breakMenu = ref(false)
  const phone = ref(false)
  const keypad = ref(false)

  /** A panel opened from a panel lies on top of it; closing goes back. */
  function open(panel: Panel): void {
    const same = panels.value.findIndex((p) => JSON.stringify(p) === JSON.stringify(panel))
    if (same >= 0) panels.value.splice(same)
    panels.value = [...panels.value.slice(-2), panel]
  }

  function back(): void {
    panels.value = panels.value.slice(0, -1)
  }

  function closeAll(): void {
    panels.value = []
  }

  function ask(text: string): void {
    asked.value = text
  }

  return { asked, ask, panels, help, breakMenu, phone, keypad, open, back, closeAll }
})

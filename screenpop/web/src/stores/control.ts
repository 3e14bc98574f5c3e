/** Commands of this agent, from whichever page they were given: what is under way, and how the last one ended. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { ApiError } from '@/api/client'
import { control, type Command, type CommandState, type Target } from '@/api/control'
import { toastError } from '@/lib/toast'

const FAILED_SHOWN_MS = 8_000
/** A consultation that was done may fail afterwards: the colleague does not answer. */
const COURSE: readonly CommandState['state'][] = ['pending', 'done', 'failed']
const newId = (): string => crypto.randomUUID?.() ?? `c-${Date.now()}-${String(Math.random()).slice(2)}`

export const useControl = defineStore('control', () => {
  /** By pop: the latest command. */
  const latest = ref<Record<string, CommandState>>({})

  /** By the socket and as the answer, in any order: what was told later in the course of things stands. */
  function hear(state: CommandState): void {
    const known = latest.value[state.pop_id]
    if (known?.id === state.id && COURSE.indexOf(state.state) < COURSE.indexOf(known.state)) return
    latest.value = { ...latest.value, [state.pop_id]: state }
    const passing = state.state === 'done' ? 0 : state.state === 'failed' ? FAILED_SHOWN_MS : null
    if (passing !== null) window.setTimeout(() => forget(state), passing)
  }

  function forget(state: CommandState): void {
    if (latest.value[state.pop_id]?.id !== state.id) return
    latest.value = Object.fromEntries(Object.entries(latest.value).filter(([pop]) => pop !== state.pop_id))
  }

  /** What is under way now, after a reconnect: nothing else is. */
  function snapshot(states: CommandState[]): void {
    latest.value = Object.fromEntries(states.map((state) => [state.pop_id, state]))
  }

  const pending = (popId: string): CommandState | null => {
    const state = latest.value[popId]
    return state?.state === 'pending' ? state : null
  }

  async function order(popId: string, command: Command, target?: Target): Promise<void> {
    if (pending(popId)) return
    const id = newId()
    const at = new Date().toISOString()
    hear({ id, pop_id: popId, command, target: '', state: 'pending', code: '', message: '', at })
    try {
      hear(await control.order(popId, id, command, target))
    } catch (error) {
      const told = error instanceof ApiError ? (error.detail['command'] as CommandState | undefined) : undefined
      const own = { id, pop_id: popId, command, target: '', state: 'failed' as const, code: '', message: '', at }
      if (told) hear(told)
      else {
        forget(own)
        toastError(error)
      }
    }
  }

  return { latest, hear, snapshot, pending, order }
})

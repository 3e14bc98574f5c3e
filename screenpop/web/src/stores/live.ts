/** What live help said of the talks on this page. The service sends it anew after each `ready`. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { LiveFlag, LiveHint, LiveMessage, LiveState, LiveText } from '@/api/live'
import { load, save } from '@/lib/storage'

const MOST_LINES = 60
const MOST_TALKS = 8
const MOST_FLAGS = 50
const FOLDED = 'laidian.live.folded'

export interface LiveTalk {
  state: LiveState
  lines: LiveText[]
  hints: LiveHint[]
}

const NOTHING = { state: 'opening', engine: '', note: '' } as const

export const useLive = defineStore('live', () => {
  const talks = shallowRef<Record<string, LiveTalk>>({})
  /** For supervisors and QA: the newest first. */
  const flags = shallowRef<LiveFlag[]>([])
  const folded = ref(load(FOLDED, false))

  function fold(): void {
    folded.value = !folded.value
    save(FOLDED, folded.value)
  }

  function reset(): void {
    talks.value = {}
  }

  function hear(message: LiveMessage): void {
    if (message.type === 'live_flag') {
      flags.value = [message, ...flags.value].slice(0, MOST_FLAGS)
      return
    }
    const known = talks.value[message.id] ?? {
      state: { type: 'live_state', id: message.id, ...NOTHING },
      lines: [],
      hints: [],
    }
    const rest = Object.entries(talks.value).filter(([id]) => id !== message.id)
    talks.value = Object.fromEntries([...rest.slice(1 - MOST_TALKS), [message.id, changed(known, message)]])
  }

  return { talks, flags, folded, fold, reset, hear }
})

function changed(talk: LiveTalk, message: LiveState | LiveText | LiveHint): LiveTalk {
  if (message.type === 'live_state') return { ...talk, state: message, hints: message.state === 'off' ? lasting(talk.hints) : talk.hints }
  if (message.type === 'live_hint') {
    const at = talk.hints.findIndex((h) => h.key === message.key)
    const others = talk.hints.filter((h) => h.key !== message.key)
    if (message.gone) return { ...talk, hints: others }
    return { ...talk, hints: at < 0 ? [...others, message] : talk.hints.map((h) => (h.key === message.key ? message : h)) }
  }
  const others = talk.lines.filter((l) => l.leg !== message.leg || l.n !== message.n)
  const lines = message.parts.length ? [...others, message] : others
  lines.sort((a, b) => a.t0_ms - b.t0_ms)
  return { ...talk, lines: lines.slice(-MOST_LINES) }
}

/** What is still worth something when the talk is over. */
const lasting = (hints: LiveHint[]): LiveHint[] => hints.filter((h) => h.kind === 'number' || h.kind === 'forbidden')

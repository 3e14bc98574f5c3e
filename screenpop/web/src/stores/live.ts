/** What live help said of the talks on this page. The service sends it anew after each `ready`. */
import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { LiveHint, LiveMessage, LiveState, LiveText } from '@/api/live'
import { load, save } from '@/lib/storage'

const MOST_LINES = 60
const MOST_TALKS = 8
const FOLDED = 'laidian.live.folded'

export interface LiveTalk {
  state: LiveState
  lines: LiveText[]
  hints: LiveHint[]
  /** The engine has been there: from now on there is text to make room for. */
  opened: boolean
}

const NOTHING = { state: 'opening', engine: '', note: '' } as const

export const useLive = defineStore('live', () => {
  const talks = shallowRef<Record<string, LiveTalk>>({})
  const folded = ref(load(FOLDED, false))

  function fold(): void {
    folded.value = !folded.value
    save(FOLDED, folded.value)
  }

  function reset(): void {
    talks.value = {}
  }

  function hear(message: LiveMessage): void {
    if (message.type === 'live_flag') return // seen on the wall board
    const known = talks.value[message.id] ?? {
      state: { type: 'live_state', id: message.id, ...NOTHING },
      lines: [],
      hints: [],
      opened: false,
    }
    const rest = Object.entries(talks.value).filter(([id]) => id !== message.id)
    talks.value = Object.fromEntries([...rest.slice(1 - MOST_TALKS), [message.id, changed(known, message)]])
  }

  return { talks, folded, fold, reset, hear }
})

function changed(talk: LiveTalk, message: LiveState | LiveText | LiveHint): LiveTalk {
  if (message.type === 'live_state') {
    const opened = talk.opened || message.state === 'on' || message.state === 'finals_only'
    return { ...talk, state: message, opened, hints: message.state === 'off' ? lasting(talk.hints) : talk.hints }
  }
  if (message.type === 'live_hint') {
    const at = talk.hints.findIndex((h) => h.key === message.key)
    const others = talk.hints.filter((h) => h.key !== message.key)
    if (message.gone) return { ...talk, hints: others }
    return { ...talk, hints: at < 0 ? [...others, message] : talk.hints.map((h) => (h.key === message.key ? message : h)) }
  }
  const others = talk.lines.filter((l) => l.leg !== message.leg || l.n !== message.n)
  const lines = message.parts.length ? [...others, message] : others
  lines.sort((a, b) => a.t0_ms - b.t0_ms)
  return { ...talk, lines: lines.slice(-MOST_LINES), opened: true }
}

/** What is still worth something when the talk is over. */
const lasting = (hints: LiveHint[]): LiveHint[] => hints.filter((h) => h.kind === 'number' || h.kind === 'forbidden')

/**
 * The live side of the page: the socket, who leads among the tabs, the agent's state, gaps, the ring.
 * Messages come in here and go on to the cards.
 */
import { defineStore } from 'pinia'
import { computed, nextTick, ref, watch } from 'vue'
import { api } from '@/api/client'
import { isLive } from '@/api/live'
import { AgentSocket, CLOSE, type LinkState } from '@/api/socket'
import type { AgentStateName, AgentStatus, Gap, Pop, ServerMessage, ServiceNotice } from '@/api/types'
import { standForLeader } from '@/lib/leader'
import { dropNotification, notify } from '@/lib/notify'
import { knock, startRing, stopRing } from '@/lib/ring'
import { parseTime } from '@/lib/time'
import { onWake } from '@/lib/wake'
import { useClock } from './clock'
import { useLive } from './live'
import { useControl } from './control'
import { usePops } from './pops'
import { usePrefs } from './prefs'
import { useSession } from './session'

const RECOVERED_SHOWN_MS = 8_000

export const useDesk = defineStore('desk', () => {
  const session = useSession()
  const pops = usePops()
  const live = useLive()
  const control = useControl()
  const clock = useClock()
  const prefs = usePrefs()
  const tab = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2)

  const link = ref<LinkState>('stopped')
  const retryAt = ref(0)
  const tries = ref(0)
  const lostAt = ref(0)
  /** How long the page itself was cut off, shown for a moment after it is back. */
  const recoveredMs = ref(0)
  const tooMany = ref(false)
  const ready = ref(false)
  const latency = ref<number | null>(null)
  const leader = ref(false)
  const serviceError = ref('')
  /** What a supervisor has just done; the shell says it in words. */
  const notice = ref<ServiceNotice | null>(null)
  const listenedTo = ref(false)
  const status = ref<AgentStatus>({
    state: 'offline',
    reason: '',
    since: new Date().toISOString(),
    queues: [],
    pbx: 'up',
    gaps: [],
  })
  /** When the queue counts came, by our clock: the longest wait runs on from there. */
  const countedAt = ref(0)
  const pending = ref<{ state: AgentStateName; reason: string } | null>(null)

  let socket: AgentSocket | null = null
  let leave: (() => void)[] = []
  const acked = new Set<string>()
  const described = new Map<string, () => { title: string; body: string }>()

  const openGaps = computed<Gap[]>(() => status.value.gaps.filter((gap) => gap.until === null))

  function start(): void {
    if (socket) return
    tooMany.value = false
    socket = new AgentSocket(() => session.token, tab, {
      message: hear,
      link: (state, wait) => linkChanged(state, wait),
      refused: (code) => {
        if (code === CLOSE.badToken) session.end()
        else tooMany.value = true
      },
      latency: (ms) => (latency.value = Math.round(ms)),
    })
    leave = [
      standForLeader(`laidian.leader.${session.user?.username ?? ''}`, tab, (value) => (leader.value = value)),
      onWake(() => socket?.check()),
    ]
    socket.start()
  }

  function stop(): void {
    socket?.stop()
    socket = null
    leave.forEach((go) => go())
    leave = []
    acked.clear()
    stopRing()
    pops.reset()
    ready.value = false
    recoveredMs.value = 0
    lostAt.value = 0
  }

  /** Too many pages were open; one has been closed meanwhile. */
  function resume(): void {
    tooMany.value = false
    socket?.start()
  }

  const retryNow = (): void => socket?.retryNow()

  function linkChanged(state: LinkState, wait: number): void {
    link.value = state
    if (state === 'waiting') {
      tries.value += 1
      retryAt.value = clock.now + wait
      if (!lostAt.value && ready.value) lostAt.value = Date.now()
      latency.value = null
    }
    if (state === 'up') {
      tries.value = 0
      if (lostAt.value) {
        recoveredMs.value = Date.now() - lostAt.value
        lostAt.value = 0
        window.setTimeout(() => (recoveredMs.value = 0), RECOVERED_SHOWN_MS)
      }
    }
  }

  function hear(message: ServerMessage): void {
    if (isLive(message)) {
      live.hear(message)
      return
    }
    switch (message.type) {
      case 'ready':
        setClock(message.server_time)
        status.value = message.state
        listenedTo.value = message.listening ?? false
        countedAt.value = clock.now
        ready.value = true
        acked.clear()
        live.reset() // told anew right after this
        pops.snapshot(message.snapshot, message.drafts)
        control.snapshot(message.commands ?? [])
        void acknowledge(message.snapshot.map((pop) => pop.id))
        void pops.loadRecent()
        return
      case 'pop':
        arrived(message)
        return
      case 'command':
        control.hear(message)
        return
      case 'pop_update':
        pops.change(message.id, message.seq, message.changes)
        if (message.changes.call?.state === 'talking') pops.answered(message.id)
        else pops.settleNow()
        return
      case 'pop_close':
        pops.close(message.id, {
          reason: message.reason,
          at: message.at ?? new Date(clock.now).toISOString(),
          ...(message.by ? { by: message.by } : {}),
        })
        return
      case 'state': {
        const { state, reason, since, queues, pbx, gaps } = message
        status.value = { state, reason, since, queues, pbx, gaps }
        countedAt.value = clock.now
        pending.value = null
        return
      }
      case 'notice':
        if (message.kind === 'listening') listenedTo.value = message.on
        else notice.value = message
        return
      case 'error':
        serviceError.value = message.message
        return
      case 'pong':
        setClock(message.server_time)
    }
  }

  function setClock(serverTime: string): void {
    const ms = parseTime(serverTime)
    if (ms !== null) clock.set(ms)
  }

  function arrived(pop: Pop): void {
    const busy = pops.inTalk
    pops.take(pop, null)
    void acknowledge([pop.id])
    if (leader.value && busy && !prefs.muted && pop.call.state === 'ringing') knock()
  }

  /** Say that a pop is on the screen: after the page is drawn, once, and only from the leading tab. */
  async function acknowledge(ids: string[]): Promise<void> {
    await nextTick()
    if (document.visibilityState === 'visible') {
      await new Promise<void>((resolve) => {
        const late = window.setTimeout(resolve, 100) // a covered window may draw no frames
        requestAnimationFrame(() => {
          window.clearTimeout(late)
          resolve()
        })
      })
    }
    if (!leader.value) return
    for (const id of ids) {
      if (!acked.has(id) && socket?.send({ type: 'ack', id })) acked.add(id)
    }
  }

  /** The page that knows the words gives them: title and text of a notification for one pop. */
  function describe(id: string, words: () => { title: string; body: string }): void {
    described.set(id, words)
  }

  watch(leader, (leads) => {
    if (leads) void acknowledge(pops.deck.cards.filter((c) => !c.closed && !c.review).map((c) => c.pop.id))
  })

  watch(
    () => ({
      ids: pops.ringing.map((card) => card.pop.id),
      sound: leader.value && !prefs.muted && !pops.inTalk && link.value === 'up',
    }),
    ({ ids, sound }, before) => {
      if (ids.length && sound) startRing()
      else stopRing()
      for (const id of before?.ids ?? []) if (!ids.includes(id)) dropNotification(id)
      if (!leader.value || document.hasFocus()) return
      for (const id of ids) {
        const words = described.get(id)?.()
        if (words) notify(id, words.title, words.body)
      }
    },
    { flush: 'post' },
  )

  async function setState(state: 'available' | 'paused', reason = ''): Promise<void> {
    pending.value = { state, reason }
    try {
      await api.setState(state, reason)
    } catch (error) {
      pending.value = null
      throw error
    }
    // The PBX says when it is so; if it never does, the wish is not shown for ever.
    window.setTimeout(() => (pending.value = null), 5_000)
  }

  return {
    link,
    retryAt,
    tries,
    lostAt,
    recoveredMs,
    tooMany,
    ready,
    latency,
    leader,
    serviceError,
    notice,
    listenedTo,
    status,
    countedAt,
    pending,
    openGaps,
    start,
    stop,
    resume,
    retryNow,
    describe,
    setState,
  }
})

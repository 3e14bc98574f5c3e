/** The live picture of the wall board: its own socket, merged part by part. */
import { computed, onBeforeUnmount, onMounted, reactive, ref } from 'vue'
import { AgentSocket, CLOSE, type LinkState } from '@/api/socket'
import type { Wall, WallAgent, WallPbx, WallPerson, WallQueue, WallUpdate } from '@/api/floor'
import { parseTime } from '@/lib/time'
import { onWake } from '@/lib/wake'
import { useClock } from '@/stores/clock'
import { useSession } from '@/stores/session'

export function useWall() {
  const session = useSession()
  const clock = useClock()
  const agents = reactive(new Map<string, WallAgent>())
  const queues = reactive(new Map<string, WallQueue>())
  const people = reactive(new Map<string, WallPerson>())
  const pbx = ref<WallPbx>({ up: true })
  const alarms = ref({ hold_s: 120, wrapup_s: 120, break_s: 1800 })
  const link = ref<LinkState>('stopped')
  const ready = ref(false)
  const refused = ref<'' | 'denied' | 'too-many'>('')
  let socket: AgentSocket | null = null
  let leave: (() => void) | null = null

  function whole(message: Wall): void {
    agents.clear()
    queues.clear()
    people.clear()
    for (const row of message.agents) agents.set(row.agent, row)
    for (const row of message.queues) queues.set(row.queue, row)
    for (const row of message.people) people.set(row.agent, row)
    pbx.value = message.pbx
    alarms.value = message.alarms
    ready.value = true
  }

  function hear(message: { type: string; server_time?: string }): void {
    const ms = parseTime(message.server_time)
    if (ms !== null) clock.set(ms)
    if (message.type === 'wall') whole(message as Wall)
    else if (message.type === 'wall_update') {
      const news = message as WallUpdate
      for (const row of news.agents ?? []) agents.set(row.agent, row)
      for (const row of news.queues ?? []) queues.set(row.queue, row)
      for (const row of news.people ?? []) people.set(row.agent, row)
      if (news.pbx) pbx.value = news.pbx
    }
  }

  onMounted(() => {
    socket = new AgentSocket(
      () => session.token,
      'wall',
      {
        message: (message) => hear(message as { type: string; server_time?: string }),
        link: (state) => (link.value = state),
        refused: (code) => {
          if (code === CLOSE.badToken) session.end()
          else refused.value = code === CLOSE.notAllowed ? 'denied' : 'too-many'
        },
        latency: () => undefined,
      },
      { path: '/ws/wall', ready: 'wall' },
    )
    leave = onWake(() => socket?.check())
    socket.start()
  })
  onBeforeUnmount(() => {
    leave?.()
    socket?.stop()
  })

  const seconds = (iso: string | null | undefined): number => {
    const ms = parseTime(iso)
    return ms === null ? 0 : Math.max(0, Math.floor((clock.now - ms) / 1000))
  }
  /** Whether somebody has to do something about this agent now. */
  function needsHand(row: WallAgent): boolean {
    const limit = { hold: alarms.value.hold_s, wrapup: alarms.value.wrapup_s, break: alarms.value.break_s }[row.state as 'hold' | 'wrapup' | 'break']
    return limit !== undefined && seconds(row.since) > limit
  }
  /** A caller who has waited longer than the service level. */
  const late = (since: string | null | undefined, queue: WallQueue): boolean => !!since && seconds(since) > (queue.service_level_s ?? 20)

  const openGaps = computed(() => (pbx.value.gaps ?? []).filter((gap) => !gap.until))
  return { agents, queues, people, pbx, alarms, link, ready, refused, seconds, needsHand, late, openGaps }
}

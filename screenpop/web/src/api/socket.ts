/**
 * The agent's socket: authenticates in the first message, answers silence with a ping, comes back with
 * back-off, and checks itself at once when the computer wakes. It knows no stores: what it hears it hands on.
 */
import { backoffMs } from '@/lib/backoff'
import type { ClientMessage, ServerMessage } from './types'

export const PING_EVERY_MS = 15_000
export const PONG_WITHIN_MS = 5_000
const OPEN_WITHIN_MS = 3_000
const READY_WITHIN_MS = 10_000
/** After sleep or a change of network: what does not answer by then is dead. */
export const DOUBT_MS = 1_000
/** Ours, never sent: a silent open connection is a lost one. */
export const SILENT = 4999

/** Close codes of the service (README, "Close codes"). */
export const CLOSE = {
  unauthenticated: 4001,
  badToken: 4003,
  notAllowed: 4005,
  tooSlow: 4008,
  tooMany: 4009,
  badMessage: 4000,
} as const

export type LinkState = 'connecting' | 'up' | 'waiting' | 'stopped'

export interface SocketHooks {
  message(message: ServerMessage): void
  /** `retryInMs` is set while waiting for the next try. */
  link(state: LinkState, retryInMs: number): void
  /** The service will not have this token, or this person has too many pages open: no further tries. */
  refused(code: number): void
  latency(ms: number): void
}

export class AgentSocket {
  private ws: WebSocket | null = null
  private attempt = 0
  private retryTimer = 0
  private pingTimer = 0
  private deadlineTimer = 0
  private pingSentAt = 0
  private wanted = false

  constructor(
    private readonly token: () => string,
    private readonly tab: string,
    private readonly hooks: SocketHooks,
    /** Another room of the service, and the message that says one is in. */
    private readonly room: { path: string; ready: string } = { path: '/ws/agent', ready: 'ready' },
  ) {}

  start(): void {
    this.wanted = true
    this.attempt = 0
    this.connect()
  }

  stop(): void {
    this.wanted = false
    this.dropTimers()
    const ws = this.ws
    this.ws = null
    ws?.close(1000)
    this.hooks.link('stopped', 0)
  }

  /** Try now instead of waiting for the back-off to pass. */
  retryNow(): void {
    if (!this.wanted || this.ws) return
    window.clearTimeout(this.retryTimer)
    this.connect()
  }

  /** After sleep or a change of network: is the other side really still there? */
  check(): void {
    if (!this.wanted) return
    if (!this.ws) this.retryNow()
    else if (this.ws.readyState === WebSocket.OPEN) this.ping(DOUBT_MS)
    else this.expectWithin(DOUBT_MS) // begun while there was no network
  }

  send(message: ClientMessage): boolean {
    if (this.ws?.readyState !== WebSocket.OPEN) return false
    this.ws.send(JSON.stringify(message))
    return true
  }

  private connect(): void {
    this.hooks.link('connecting', 0)
    const scheme = window.location.protocol === 'https:' ? 'wss:' : 'ws:'
    const ws = new WebSocket(`${scheme}//${window.location.host}${this.room.path}`)
    this.ws = ws
    this.expectWithin(OPEN_WITHIN_MS)
    ws.onopen = () => {
      if (ws !== this.ws) return
      this.expectWithin(READY_WITHIN_MS)
      this.send({ type: 'auth', token: this.token(), tab: this.tab })
    }
    ws.onmessage = (event: MessageEvent<unknown>) => {
      if (ws === this.ws) this.hear(event.data)
    }
    ws.onclose = (event) => {
      if (ws === this.ws) this.lost(event.code)
    }
  }

  private hear(data: unknown): void {
    let message: ServerMessage
    try {
      message = JSON.parse(String(data)) as ServerMessage
    } catch {
      return // not ours; the next ping decides whether the connection is worth keeping
    }
    window.clearTimeout(this.deadlineTimer)
    if ((message.type as string) === this.room.ready) {
      this.attempt = 0
      window.clearInterval(this.pingTimer)
      this.pingTimer = window.setInterval(() => this.ping(), PING_EVERY_MS)
      this.hooks.link('up', 0)
      this.hooks.message(message)
      this.ping()
      return
    }
    if (message.type === 'pong' && this.pingSentAt) {
      this.hooks.latency(performance.now() - this.pingSentAt)
      this.pingSentAt = 0
    }
    this.hooks.message(message)
  }

  private ping(within = PONG_WITHIN_MS): void {
    if (!this.send({ type: 'ping' })) return
    this.pingSentAt = performance.now()
    this.expectWithin(within)
  }

  private expectWithin(ms: number): void {
    window.clearTimeout(this.deadlineTimer)
    this.deadlineTimer = window.setTimeout(() => {
      const ws = this.ws
      if (!ws) return
      this.lost(SILENT) // without waiting for its close handshake
      ws.close()
    }, ms)
  }

  private lost(code: number): void {
    this.ws = null
    this.dropTimers()
    if (!this.wanted) return
    if (code === CLOSE.badToken || code === CLOSE.tooMany || code === CLOSE.notAllowed) {
      this.wanted = false
      this.hooks.link('stopped', 0)
      this.hooks.refused(code)
      return
    }
    const wait = code === SILENT ? 0 : backoffMs(this.attempt++)
    this.hooks.link('waiting', wait)
    this.retryTimer = window.setTimeout(() => this.connect(), wait)
  }

  private dropTimers(): void {
    window.clearTimeout(this.retryTimer)
    window.clearInterval(this.pingTimer)
    window.clearTimeout(this.deadlineTimer)
    this.pingSentAt = 0
  }
}

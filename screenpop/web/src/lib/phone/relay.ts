/**
 * JsSIP's socket: SIP over the service's own /ws/phone, never to Asterisk directly. The first message signs
 * in; then come the device's password and SIP. A connection that is lost comes back by itself (JsSIP's own
 * waiting is too coarse), and at once when `hurry` is called.
 */
import { backoffMs } from '@/lib/backoff'
import { CLOSE, DOUBT_MS, SILENT } from '@/api/socket'
import { load, save } from '@/lib/storage'

const OPEN_WITHIN_MS = 3_000
const READY_WITHIN_MS = 12_000
const PING_EVERY_MS = 10_000
const PONG_WITHIN_MS = 5_000
const BROWSER_KEY = 'laidian.phone.browser'
const PING = '\r\n\r\n'
const PONG = '\r\n'

/** Close codes of /ws/phone (docs/protocol.md). */
export const PHONE_CLOSE = { takenOver: 4010, noPhone: 4011, notYours: 4012, pbxAway: 4013 } as const
const FINAL: readonly number[] = [CLOSE.badToken, PHONE_CLOSE.takenOver, PHONE_CLOSE.noPhone]

export interface RelayHooks {
  /** The password of this connection, before SIP may flow; later ones replace it. */
  password(password: string): void
  /** Why the line is down, as a close code; it comes back by itself. */
  lost(code: number): void
  /** It will not come back: signed out, taken over by another page, no phone. */
  refused(code: number): void
}

/** The same for every tab of this browser, and after it was killed. */
function browserId(): string {
  const known = load<string>(BROWSER_KEY, '')
  if (known) return known
  const made = Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(16).padStart(2, '0')).join('')
  save(BROWSER_KEY, made)
  return made
}

type Said = { type: 'phone_ready' | 'phone_password'; password: string }

export class RelaySocket {
  // what JsSIP asks of a socket
  via_transport = 'WS'
  readonly url: string
  readonly sip_uri: string
  onconnect: () => void = () => undefined
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => undefined
  ondata: (data: unknown) => void = () => undefined

  private ws: WebSocket | null = null
  private attempt = 0
  private retryTimer = 0
  private pingTimer = 0
  private deadline = 0
  private up = false

  constructor(
    private readonly token: () => string,
    private readonly hooks: RelayHooks,
    /** Take the phone over from another browser, the first time. */
    private take: boolean,
  ) {
    const secure = window.location.protocol === 'https:'
    this.url = `${secure ? 'wss' : 'ws'}://${window.location.host}/ws/phone`
    this.sip_uri = `sip:${window.location.hostname};transport=ws`
  }

  connect(): void {
    if (!this.ws && !this.retryTimer) this.open()
  }

  /** The way may be free again (the service or Asterisk is back, the computer woke): do not wait longer. */
  hurry(): void {
    this.attempt = 0
    if (this.retryTimer) {
      window.clearTimeout(this.retryTimer)
      this.open()
    } else if (this.up) this.ping(DOUBT_MS)
    else if (this.ws?.readyState === WebSocket.CONNECTING) this.expectWithin(DOUBT_MS)
  }

  disconnect(): void {
    this.drop()?.close(1000)
  }

  send(message: unknown): boolean {
    if (!this.up || this.ws?.readyState !== WebSocket.OPEN) return false
    this.ws.send(String(message))
    return true
  }

  isConnected(): boolean {
    return this.up
  }

  isConnecting(): boolean {
    return !this.up && (this.ws !== null || this.retryTimer !== 0)
  }

  private open(): void {
    this.retryTimer = 0
    const ws = new WebSocket(this.url)
    this.ws = ws
    this.expectWithin(OPEN_WITHIN_MS)
    ws.onopen = () => {
      if (ws !== this.ws) return
      this.expectWithin(READY_WITHIN_MS)
      ws.send(JSON.stringify({ type: 'auth', token: this.token(), tab: browserId(), take: this.take }))
    }
    ws.onmessage = (event: MessageEvent<unknown>) => {
      if (ws === this.ws) this.hear(event.data)
    }
    ws.onclose = (event) => {
      if (ws === this.ws) this.lost(event.code)
    }
  }

  private hear(data: unknown): void {
    window.clearTimeout(this.deadline)
    if (data === PONG) return
    if (typeof data !== 'string' || !data.startsWith('{')) {
      if (this.up) this.ondata(data)
      return
    }
    let said: Said
    try {
      said = JSON.parse(data) as Said
    } catch {
      return
    }
    this.hooks.password(said.password)
    if (said.type !== 'phone_ready' || this.up) return
    this.up = true
    this.take = false
    this.attempt = 0
    this.pingTimer = window.setInterval(() => this.ping(), PING_EVERY_MS)
    this.onconnect()
  }

  private ping(within = PONG_WITHIN_MS): void {
    if (this.ws?.readyState !== WebSocket.OPEN) return
    this.ws.send(PING)
    this.expectWithin(within)
  }

  private expectWithin(ms: number): void {
    window.clearTimeout(this.deadline)
    this.deadline = window.setTimeout(() => {
      const ws = this.ws
      this.lost(SILENT)
      ws?.close()
    }, ms)
  }

  private lost(code: number): void {
    this.drop()
    if (FINAL.includes(code)) {
      this.hooks.refused(code)
      return
    }
    this.retryTimer = window.setTimeout(() => this.open(), code === SILENT ? 0 : backoffMs(this.attempt++))
    this.hooks.lost(code)
    this.ondisconnect(code !== 1000, code)
  }

  private drop(): WebSocket | null {
    const ws = this.ws
    this.ws = null
    this.up = false
    window.clearTimeout(this.retryTimer)
    this.retryTimer = 0
    window.clearInterval(this.pingTimer)
    window.clearTimeout(this.deadline)
    return ws
  }
}

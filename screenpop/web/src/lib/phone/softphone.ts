/** The one door to JsSIP: one device, one call at a time; what happens is told in our words. */
import * as JsSIP from 'jssip'
import type { IncomingRTCSessionEvent, RTCSession } from './jssip'
import { RelaySocket, type RelayHooks } from './relay'

export interface Account {
  device: string
  uri: string
}

export type Line = 'connecting' | 'registered' | 'waiting' | 'refused' | 'stopped'

export interface PhoneCall {
  /** Of this SIP dialog; goes with what is told about its sound. */
  leg: string
  state: 'ringing' | 'answering' | 'talking'
  number: string
  name: string
  muted: boolean
  /** When it was answered, ms; 0 before. */
  since: number
}

export interface SoftphoneHooks {
  line(line: Line, code: number): void
  /** null: there is none any more. */
  call(call: PhoneCall | null): void
  /** The caller's sound. */
  sound(stream: MediaStream): void
}

const REGISTER_S = 120

export class Softphone {
  private readonly socket: RelaySocket
  private readonly ua: JsSIP.UA
  private session: RTCSession | null = null
  private call: PhoneCall | null = null
  private stale = false

  constructor(account: Account, token: () => string, take: boolean, private readonly hooks: SoftphoneHooks) {
    const relayHooks: RelayHooks = {
      password: (password) => this.ua.set('password', password),
      lost: (code) => {
        this.stale = this.session !== null
        this.hooks.line('waiting', code)
      },
      refused: (code) => {
        this.hooks.line('refused', code)
        this.ua.stop()
      },
    }
    this.socket = new RelaySocket(token, relayHooks, take)
    this.ua = new JsSIP.UA({
      sockets: this.socket as unknown as JsSIP.Socket,
      uri: account.uri,
      authorization_user: account.device,
      // the user of the contact is ours, so that every request in a dialog says whose it is
      contact_uri: `sip:${account.device}@${token36()}.invalid;transport=ws`,
      register_expires: REGISTER_S,
      session_timers: false,
      user_agent: 'laidian',
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 1, // the socket itself backs off
    })
    this.ua.on('connecting', () => this.hooks.line('connecting', 0))
    this.ua.on('registered', () => {
      this.hooks.line('registered', 0)
      this.refresh()
    })
    this.ua.on('registrationFailed', () => {
      // a password that is old or was forgotten by an Asterisk that restarted: the next connection has a new one
      if (this.ua.isConnected()) this.again()
    })
    this.ua.on('newRTCSession', (event: unknown) => this.rings(event as IncomingRTCSessionEvent))
  }

  start(): void {
    this.ua.start()
  }

  /** Leave: the call is hung up, the registration withdrawn. */
  stop(): void {
    this.ua.stop()
    this.hooks.line('stopped', 0)
  }

  hurry(): void {
    this.socket.hurry()
  }

  get connection(): RTCPeerConnection | null {
    return this.call?.state === 'talking' ? (this.session?.connection ?? null) : null
  }

  /** Answer with this microphone. */
  answer(microphone: MediaStream): boolean {
    if (!this.session?.isInProgress() || this.call?.state !== 'ringing') return false
    this.tell({ state: 'answering' })
    this.session.answer({ mediaStream: microphone, pcConfig: { iceServers: [] } })
    return true
  }

  decline(): void {
    if (this.session?.isInProgress()) this.session.terminate({ status_code: 486 })
  }

  mute(on: boolean): void {
    if (!this.session?.isEstablished()) return
    if (on) this.session.mute({ audio: true })
    else this.session.unmute({ audio: true })
    this.tell({ muted: on })
  }

  dtmf(key: string): boolean {
    if (!this.session?.isEstablished()) return false
    this.session.sendDTMF(key, { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 })
    return true
  }

  /** Speak with another microphone from now on. */
  async useMicrophone(microphone: MediaStream): Promise<void> {
    const track = microphone.getAudioTracks()[0] ?? null
    if (track) track.enabled = !this.call?.muted
    for (const sender of this.session?.connection?.getSenders() ?? []) {
      if (sender.track?.kind === 'audio') await sender.replaceTrack(track)
    }
  }

  private rings({ session, originator, request }: IncomingRTCSessionEvent): void {
    if (originator !== 'remote') return
    if (this.session) {
      session.terminate({ status_code: 486 })
      return
    }
    this.session = session
    const from = request.from
    this.call = {
      leg: token36(),
      state: 'ringing',
      number: from.uri.user ?? '',
      name: from.display_name ?? '',
      muted: false,
      since: 0,
    }
    this.hooks.call({ ...this.call })
    session.on('peerconnection', ({ peerconnection }) => {
      peerconnection.addEventListener('track', (event: RTCTrackEvent) => {
        this.hooks.sound(event.streams[0] ?? new MediaStream([event.track]))
      })
    })
    session.on('accepted', () => this.tell({ state: 'talking', since: Date.now() }))
    const over = (): void => {
      if (this.session !== session) return
      this.session = null
      this.call = null
      this.stale = false
      this.hooks.call(null)
    }
    session.on('ended', over)
    session.on('failed', over)
  }

  private tell(change: Partial<PhoneCall>): void {
    if (!this.call) return
    this.call = { ...this.call, ...change }
    this.hooks.call(this.call)
  }

  /**
   * After the line was away: Asterisk learns our new address, and we learn whether the call is still there
   * (a dialog that it no longer knows is answered 481, which ends the session here).
   */
  private refresh(): void {
    if (!this.stale || !this.session?.isEstablished()) return
    this.stale = false
    const broken = ['disconnected', 'failed'].includes(this.session.connection?.iceConnectionState ?? '')
    this.session.renegotiate(broken ? { rtcOfferConstraints: { iceRestart: true } } : {})
  }

  private again(): void {
    this.hooks.line('waiting', 0)
    this.socket.disconnect()
    this.socket.ondisconnect(true, 0)
  }
}

function token36(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (n) => n.toString(36).padStart(2, '0')).join('')
}

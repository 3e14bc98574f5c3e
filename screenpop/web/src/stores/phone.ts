/** The phone of this agent: in the leading tab it registers and speaks, in the others it is shown. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { phoneApi, type PhoneInfo } from '@/api/phone'
import { SoundBooks } from '@/lib/phone/books'
import {
  chosenDevices,
  closeStream,
  keepDevices,
  listDevices,
  Loudspeaker,
  mayCapture,
  MicrophoneError,
  openMicrophone,
  permission,
  plugged,
  type Chosen,
  type Devices,
  type MicrophoneFault,
} from '@/lib/phone/devices'
import { Mirror, type Press } from '@/lib/phone/mirror'
import type { Sample, Sign } from '@/lib/phone/quality'
import { PHONE_CLOSE } from '@/lib/phone/relay'
import type { PhoneCall, Softphone } from '@/lib/phone/softphone'
import { knock, ringOn } from '@/lib/ring'
import { load, save } from '@/lib/storage'
import { onWake } from '@/lib/wake'
import { useClock } from './clock'
import { useDesk } from './desk'
import { usePops } from './pops'
import { useSession } from './session'

/** `follows`: another tab of this browser has it; `taken`: another page has. */
export type PhoneStatus = 'off' | 'connecting' | 'registered' | 'waiting' | 'follows' | 'taken' | 'unsupported'
export type Fault = MicrophoneFault | 'ask'

interface Shown {
  status: PhoneStatus
  call: PhoneCall | null
  signs: Sign[]
  fault: Fault | null
}

const AUTO_KEY = 'laidian.phone.auto'
const DEVICES_MS = 800
const LOOK_MS = 3_000
const EXPECTED_MS = 20_000

export const usePhone = defineStore('phone', () => {
  const session = useSession()
  const desk = useDesk()
  const pops = usePops()
  const clock = useClock()

  const info = shallowRef<PhoneInfo | null>(null)
  const status = ref<PhoneStatus>('off')
  const call = shallowRef<PhoneCall | null>(null)
  const signs = shallowRef<Sign[]>([])
  const latest = shallowRef<Sample | null>(null)
  const fault = ref<Fault | null>(null)
  const chosen = shallowRef<Chosen>(chosenDevices())
  const devices = shallowRef<Devices>({ microphones: [], speakers: [] })
  /** Chosen, but not plugged in: the system's is used until it is back. */
  const missing = shallowRef<(keyof Chosen)[]>([])
  const auto = ref(load<boolean>(AUTO_KEY, false))
  /** What the leading tab says, in a tab that does not lead. */
  const shown = shallowRef<Shown | null>(null)

  const enabled = computed(() => (info.value?.device ?? '') !== '')
  const here = computed(() => desk.leader)
  const present = computed<Shown>(() =>
    here.value || !shown.value
      ? { status: status.value, call: call.value, signs: signs.value, fault: fault.value }
      : { ...shown.value, status: 'follows' },
  )
  const autoAnswers = computed(
    () => info.value?.auto_answer === 'always' || (info.value?.auto_answer === 'choice' && auto.value),
  )

  let softphone: Softphone | null = null
  let microphone: MediaStream | null = null
  let mirror: Mirror<Shown> | null = null
  let autoTimer = 0
  let expected = 0
  let opening = false
  const speaker = new Loudspeaker()
  const books = new SoundBooks(
    () => ({
      connection: softphone?.connection ?? null,
      leg: call.value?.leg ?? '',
      popId: talkingPop(),
      muted: call.value?.muted ?? false,
    }),
    () => info.value?.limits ?? { rtt_ms: 300, loss_percent: 3, jitter_ms: 40, silent_s: 10 },
    (found, sample) => {
      signs.value = found
      latest.value = sample
    },
  )

  const talkingPop = (): string =>
    pops.deck.cards.find((c) => !c.closed && !c.review && ['talking', 'held'].includes(c.pop.call.state))?.pop.id ?? ''

  /** After sign-in, and again when the service is back: the settings may have changed. */
  async function refresh(): Promise<void> {
    if (!session.agent) return
    info.value = await phoneApi.info()
    mirror ??= new Mirror<Shown>(`laidian.phone.${session.user?.username ?? ''}`, {
      show: (state) => (shown.value = state),
      press: (press) => {
        if (softphone) void pressed(press)
      },
    })
    await settle()
  }

  /** Registered in the leading tab, and only there. */
  async function settle(take = false): Promise<void> {
    const wanted = enabled.value && here.value && status.value !== 'taken'
    if (!wanted) {
      if (softphone) leave()
      if (status.value !== 'taken') status.value = enabled.value ? 'follows' : 'off'
      return
    }
    if (softphone || opening) return
    if (!mayCapture() || !('RTCPeerConnection' in window)) {
      status.value = 'unsupported'
      fault.value = 'insecure'
      return
    }
    status.value = 'connecting'
    opening = true
    try {
      const { Softphone } = await import('@/lib/phone/softphone')
      if (!info.value || !here.value || !session.token) return
      softphone = new Softphone(info.value, () => session.token, take, {
        line: (line, code) => {
          if (line === 'refused') status.value = code === PHONE_CLOSE.takenOver ? 'taken' : 'off'
          else if (line !== 'stopped') status.value = line
          if (line === 'refused') softphone = null
        },
        call: heard,
        sound: (stream) => speaker.play(stream),
      })
      softphone.start()
    } finally {
      opening = false
    }
    void look()
  }

  function leave(): void {
    softphone?.stop()
    softphone = null
    heard(null)
  }

  function stop(): void {
    books.end(true)
    leave()
    mirror?.close()
    mirror = null
    info.value = null
    shown.value = null
    status.value = 'off'
  }

  /** Take the phone back from the other page. */
  async function takeOver(): Promise<void> {
    status.value = 'connecting'
    await settle(true)
  }

  function heard(now: PhoneCall | null): void {
    const before = call.value
    // by the service's clock, as all times on the page: this computer's may be wrong
    call.value = now && { ...now, since: now.since && (before?.since || clock.now) }
    if (now?.state === 'ringing' && before?.leg !== now.leg) {
      if (!pops.ringing.length) knock()
      if (Date.now() < expected) void answer()
      else if (autoAnswers.value) {
        autoTimer = window.setTimeout(() => void answer(), (info.value?.auto_answer_s ?? 1) * 1000)
      }
    }
    if (now?.state === 'talking' && before?.state !== 'talking') books.begin(now.leg)
    if (!now) {
      window.clearTimeout(autoTimer)
      books.end()
      speaker.stop()
      closeStream(microphone)
      microphone = null
    }
  }

  /** The next ring is one that this page asked for: take it at once. */
  function expect(): void {
    expected = Date.now() + EXPECTED_MS
  }

  async function answer(): Promise<void> {
    expected = 0
    if (!softphone) return mirror?.press({ do: 'answer' })
    if (call.value?.state !== 'ringing' || microphone) return
    window.clearTimeout(autoTimer)
    const stream = await open()
    if (!stream) return
    if (microphone || !softphone?.answer(stream)) closeStream(stream) // pressed twice, or over meanwhile
    else microphone = stream
  }

  async function open(): Promise<MediaStream | null> {
    try {
      const stream = await openMicrophone(chosen.value.microphone)
      fault.value = null
      stream.getAudioTracks()[0]?.addEventListener('ended', () => {
        if (stream === microphone) void replace() // unplugged in the talk
      })
      return stream
    } catch (error) {
      fault.value = error instanceof MicrophoneError ? error.fault : 'busy'
      return null
    }
  }

  async function replace(): Promise<void> {
    if (!call.value || !microphone) return
    const stream = await open()
    if (!stream) return
    await softphone?.useMicrophone(stream)
    closeStream(microphone)
    microphone = stream
  }

  function decline(): void {
    if (softphone) softphone.decline()
    else mirror?.press({ do: 'decline' })
  }

  function mute(): void {
    if (softphone) softphone.mute(!call.value?.muted)
    else mirror?.press({ do: 'mute' })
  }

  function dtmf(key: string): void {
    if (softphone) softphone.dtmf(key)
    else mirror?.press({ do: 'dtmf', key })
  }

  async function pressed(press: Press): Promise<void> {
    if (press.do === 'answer') await answer()
    else if (press.do === 'decline') decline()
    else if (press.do === 'mute') mute()
    else if (press.key) dtmf(press.key)
  }

  async function choose(change: Partial<Chosen>): Promise<void> {
    chosen.value = { ...chosen.value, ...change }
    keepDevices(chosen.value)
    await look()
  }

  function setAuto(on: boolean): void {
    auto.value = on
    save(AUTO_KEY, on)
  }

  /** Which devices are there now? Sound goes to the chosen ones, and to the system's while those are away. */
  async function look(): Promise<void> {
    devices.value = await listDevices()
    const { use, missing: away } = plugged(chosen.value, devices.value)
    missing.value = away
    ringOn(use.ring)
    await speaker.use(use.speaker)
    const track = microphone?.getAudioTracks()[0]
    const other = use.microphone !== '' && track?.getSettings().deviceId !== use.microphone
    if (track && (track.readyState === 'ended' || other)) await replace()
    await check()
  }

  /** Is there a microphone, and may we hear it? Asks nobody. */
  async function check(): Promise<void> {
    const may = await permission()
    if (may === 'denied') fault.value = 'no_permission'
    else if (may === 'prompt') fault.value = 'ask'
    else if (!devices.value.microphones.length) fault.value = 'no_device'
    else if (fault.value === 'ask' || fault.value === 'no_permission' || fault.value === 'no_device') fault.value = null
  }

  /** Let the browser ask for the microphone now, not when the first caller waits. */
  async function allow(): Promise<void> {
    closeStream(await open())
  }

  watch(here, () => void settle().catch(() => undefined))
  watch(
    () => [desk.link, desk.status.pbx] as const,
    ([link, pbx]) => {
      if (link !== 'up') return
      if (pbx === 'up') softphone?.hurry()
      books.retry()
    },
  )
  watch(present, (state) => mirror?.show(here.value && enabled.value ? state : null))
  let devicesTimer = 0
  if (mayCapture()) {
    navigator.mediaDevices.addEventListener('devicechange', () => {
      window.clearTimeout(devicesTimer) // one plug is several events
      devicesTimer = window.setTimeout(() => void lookAgain(), DEVICES_MS)
    })
    // of a headset that a sound server or Bluetooth takes away Chromium tells only whoever asks
    window.setInterval(() => void lookAgain(), LOOK_MS)
  }
  async function lookAgain(): Promise<void> {
    if (!softphone) return
    const ids = (d: Devices): string => JSON.stringify([d.microphones, d.speakers])
    if (ids(await listDevices()) !== ids(devices.value)) await look()
  }
  window.addEventListener('pagehide', () => books.end(true))
  onWake(() => softphone?.hurry())

  return {
    info,
    enabled,
    present,
    latest,
    chosen,
    devices,
    missing,
    auto,
    autoAnswers,
    refresh,
    stop,
    takeOver,
    expect,
    answer,
    decline,
    mute,
    dtmf,
    choose,
    look,
    setAuto,
    allow,
  }
})

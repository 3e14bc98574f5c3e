/** Microphones and loudspeakers: which there are, which this person chose, how loud it is. */
import { load, save } from '@/lib/storage'

const KEY = 'laidian.phone.devices'

/** Ids of devices; '' is what the system chooses. */
export interface Chosen {
  microphone: string
  speaker: string
  ring: string
}

export interface Device {
  id: string
  label: string
}

export interface Devices {
  microphones: Device[]
  speakers: Device[]
}

export type MicrophoneFault = 'insecure' | 'no_permission' | 'no_device' | 'busy'

export class MicrophoneError extends Error {
  constructor(readonly fault: MicrophoneFault) {
    super(fault)
  }
}

/** Plain http in a network: browsers give no page there a microphone. */
export const mayCapture = (): boolean => typeof navigator.mediaDevices?.getUserMedia === 'function'

export function chosenDevices(): Chosen {
  return { microphone: '', speaker: '', ring: '', ...load<Partial<Chosen>>(KEY, {}) }
}

export function keepDevices(chosen: Chosen): void {
  save(KEY, chosen)
}

export async function listDevices(): Promise<Devices> {
  const found: Devices = { microphones: [], speakers: [] }
  if (!mayCapture()) return found
  for (const { kind, deviceId, label } of await navigator.mediaDevices.enumerateDevices()) {
    if (!deviceId || deviceId === 'default' || deviceId === 'communications') continue
    if (kind === 'audioinput') found.microphones.push({ id: deviceId, label })
    else if (kind === 'audiooutput') found.speakers.push({ id: deviceId, label })
  }
  return found
}

/** Of the chosen devices those that are plugged in, the system's ('') for the others; and which are not there. */
export function plugged(chosen: Chosen, found: Devices): { use: Chosen; missing: (keyof Chosen)[] } {
  const named = found.microphones.length + found.speakers.length > 0 // before the permission none has an id
  const there = (id: string, among: Device[]): boolean => id === '' || !named || among.some((d) => d.id === id)
  const missing: (keyof Chosen)[] = []
  if (!there(chosen.microphone, found.microphones)) missing.push('microphone')
  if (!there(chosen.speaker, found.speakers)) missing.push('speaker')
  if (!there(chosen.ring, found.speakers)) missing.push('ring')
  return { use: { ...chosen, ...Object.fromEntries(missing.map((k) => [k, ''])) }, missing }
}

/** Open the chosen microphone; where it was unplugged, the system's. Throws MicrophoneError. */
export async function openMicrophone(id: string): Promise<MediaStream> {
  if (!mayCapture()) throw new MicrophoneError('insecure')
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  const wish = id ? { ...audio, deviceId: { exact: id } } : audio
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: wish })
  } catch (error) {
    const name = error instanceof DOMException ? error.name : ''
    if (id && (name === 'OverconstrainedError' || name === 'NotFoundError')) return openMicrophone('')
    if (name === 'NotAllowedError' || name === 'SecurityError') throw new MicrophoneError('no_permission')
    if (name === 'NotFoundError') throw new MicrophoneError('no_device')
    throw new MicrophoneError('busy') // another program holds it
  }
}

export function closeStream(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

/** May this page hear the microphone without asking? */
export async function permission(): Promise<'granted' | 'denied' | 'prompt' | 'unknown'> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' as PermissionName })).state
  } catch {
    return 'unknown'
  }
}

/** How loud a stream is, 0–1, thirty times a second; returns the way to stop. */
export function meter(stream: MediaStream, level: (value: number) => void): () => void {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 512
  context.createMediaStreamSource(stream).connect(analyser)
  const wave = new Float32Array(analyser.fftSize)
  let frame = 0
  const look = (): void => {
    analyser.getFloatTimeDomainData(wave)
    const power = wave.reduce((sum, x) => sum + x * x, 0) / wave.length
    // −60 dB … 0 dB
    level(Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-12) / 6)))
    frame = window.requestAnimationFrame(look)
  }
  look()
  return () => {
    window.cancelAnimationFrame(frame)
    void context.close().catch(() => undefined)
  }
}

/** The element that plays the caller. */
export class Loudspeaker {
  private readonly element = new Audio()

  constructor() {
    this.element.autoplay = true
  }

  play(stream: MediaStream): void {
    this.element.srcObject = stream
    void this.element.play().catch(() => undefined) // a page nobody has touched yet: plays with the first key
  }

  stop(): void {
    this.element.srcObject = null
  }

  /** Sends the sound to another device; '' is the system's. */
  async use(id: string): Promise<void> {
    if ('setSinkId' in this.element) await this.element.setSinkId(id).catch(() => undefined)
  }
}

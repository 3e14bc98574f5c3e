/**
 * The ring: two soft notes every three seconds, made by WebAudio so that no file has to be loaded.
 * A browser lets a page sound only after the first key or click: until then `blocked()` is true and the
 * page says so.
 */
const EVERY_MS = 3_000

let context: AudioContext | null = null
let timer = 0
let sink = ''

function audio(): AudioContext | null {
  if (!context && 'AudioContext' in window) {
    context = new AudioContext()
    if (sink) ringOn(sink)
  }
  return context
}

/** Ring on this device ('' is the system's), beside the headset that one speaks with. */
export function ringOn(device: string): void {
  sink = device
  // Chromium has it; elsewhere it rings where everything sounds
  const ctx = context as (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | null
  void ctx
    ?.setSinkId?.(device)
    .then(() => ctx.resume()) // one whose device was pulled out falls asleep
    .catch(() => undefined)
}

/** Call from a key or click: afterwards the page may sound. */
export function unlockSound(): void {
  const ctx = audio()
  if (ctx?.state === 'suspended') void ctx.resume().catch(() => undefined)
}

export function soundBlocked(): boolean {
  return context?.state === 'suspended'
}

function note(ctx: AudioContext, hz: number, at: number, seconds: number): void {
  const tone = ctx.createOscillator()
  const gain = ctx.createGain()
  tone.type = 'sine'
  tone.frequency.value = hz
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(0.16, at + 0.03)
  gain.gain.exponentialRampToValueAtTime(0.001, at + seconds)
  tone.connect(gain).connect(ctx.destination)
  tone.start(at)
  tone.stop(at + seconds)
}

function chime(ctx: AudioContext): void {
  note(ctx, 659.3, ctx.currentTime, 0.5)
  note(ctx, 880, ctx.currentTime + 0.22, 0.7)
}

function once(): void {
  const ctx = audio()
  if (!ctx) return
  if (ctx.state === 'running') {
    chime(ctx)
    return
  }
  // Still asleep: sound as soon as it wakes, if it rings then.
  ctx.resume().then(
    () => {
      if (timer) chime(ctx)
    },
    () => undefined,
  )
}

export function startRing(): void {
  if (timer) return
  timer = window.setInterval(once, EVERY_MS)
  once()
}

export function stopRing(): void {
  window.clearInterval(timer)
  timer = 0
}

/** One short note: a second call waits while the first one talks. */
export function knock(): void {
  const ctx = audio()
  if (ctx?.state === 'running') note(ctx, 784, ctx.currentTime, 0.35)
}

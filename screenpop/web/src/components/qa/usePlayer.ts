/** Plays both legs of one call. The sound is fetched at the first wish to hear it, not before: each play is logged. */
import { onBeforeUnmount, ref } from 'vue'
import { qaApi, type Leg } from '@/api/qa'
import { ApiError } from '@/api/client'
import { mix, readWav, type Pcm } from './wav'

export type Solo = 'both' | Leg
export type Player = ReturnType<typeof usePlayer>

export function usePlayer(call: () => { id: string; legs: Leg[]; durationMs: number }) {
  const audio = new Audio()
  const state = ref<'idle' | 'loading' | 'ready' | 'failed'>('idle')
  const error = ref<unknown>(null)
  const playing = ref(false)
  /** Where the head stands, ms from the answer. */
  const at = ref(0)
  const rate = ref(1)
  const solo = ref<Solo>('both')
  let heard: Partial<Record<Leg, Pcm>> = {}
  let url = ''
  let frame = 0
  let stopAt: number | null = null
  let wanted = new AbortController()

  audio.addEventListener('play', () => {
    playing.value = true
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(follow)
  })
  for (const name of ['pause', 'ended']) {
    audio.addEventListener(name, () => {
      playing.value = false
      cancelAnimationFrame(frame)
    })
  }

  function follow(): void {
    at.value = audio.currentTime * 1000
    if (stopAt !== null && at.value >= stopAt) {
      stopAt = null
      audio.pause()
      return
    }
    if (!audio.paused) frame = requestAnimationFrame(follow)
  }

  function place(): void {
    const blob = mix(heard.agent ?? null, heard.caller ?? null, solo.value)
    if (!blob) throw new ApiError(0, 'bad_audio', '')
    if (url) URL.revokeObjectURL(url)
    url = URL.createObjectURL(blob)
    audio.src = url
    audio.currentTime = at.value / 1000
    audio.playbackRate = rate.value
  }

  async function ready(): Promise<boolean> {
    if (state.value === 'ready') return true
    if (state.value === 'loading') return false
    state.value = 'loading'
    const { signal } = wanted
    const { id, legs } = call()
    try {
      const found = await Promise.all(
        legs.map(async (leg) => [leg, readWav(await (await qaApi.audio(id, leg, signal)).arrayBuffer())] as const),
      )
      if (signal.aborted) return false
      heard = {}
      for (const [leg, pcm] of found) if (pcm) heard[leg] = pcm
      place()
      state.value = 'ready'
      return true
    } catch (cause) {
      if (signal.aborted) return false
      error.value = cause
      state.value = 'failed'
      return false
    }
  }

  function seek(ms: number): void {
    at.value = Math.max(0, Math.min(ms, call().durationMs))
    stopAt = null
    if (state.value === 'ready') audio.currentTime = at.value / 1000
  }

  async function play(from?: number, until?: number): Promise<void> {
    if (from !== undefined) seek(from)
    if (!(await ready())) return
    audio.currentTime = at.value / 1000
    stopAt = until ?? null
    await audio.play().catch((cause: unknown) => {
      // A pause that comes before the sound has begun is no fault.
      if (!(cause instanceof DOMException && cause.name === 'AbortError')) error.value = cause
    })
  }

  function toggle(): void {
    if (playing.value) audio.pause()
    else void play(at.value >= call().durationMs - 50 ? 0 : undefined)
  }

  function setRate(value: number): void {
    rate.value = value
    audio.playbackRate = value
  }

  function setSolo(value: Solo): void {
    solo.value = value
    if (state.value !== 'ready') return
    const was = playing.value
    place()
    if (was) void play()
  }

  /** Another call: nothing of the last one may sound on. */
  function reset(): void {
    wanted.abort()
    wanted = new AbortController()
    audio.pause()
    audio.removeAttribute('src')
    if (url) URL.revokeObjectURL(url)
    url = ''
    heard = {}
    stopAt = null
    at.value = 0
    error.value = null
    state.value = 'idle'
  }

  onBeforeUnmount(() => {
    reset()
    cancelAnimationFrame(frame)
  })

  return { state, error, playing, at, rate, solo, seek, play, toggle, setRate, setSolo, reset, ready }
}

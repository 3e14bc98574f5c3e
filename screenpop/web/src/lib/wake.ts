/** Notices that the computer slept or the network changed: timers that come late, the tab shown again. */
const BEAT_MS = 500
const LATE_MS = 6_000

export function onWake(awake: () => void): () => void {
  let last = Date.now()
  const beat = (): void => {
    const now = Date.now()
    if (now - last > BEAT_MS + LATE_MS) awake()
    last = now
  }
  const shown = (): void => {
    if (document.visibilityState === 'visible') awake()
  }
  const timer = window.setInterval(beat, BEAT_MS)
  document.addEventListener('visibilitychange', shown)
  document.addEventListener('resume', awake) // frozen until now
  window.addEventListener('online', awake)
  window.addEventListener('pageshow', awake)
  return () => {
    window.clearInterval(timer)
    document.removeEventListener('visibilitychange', shown)
    document.removeEventListener('resume', awake)
    window.removeEventListener('online', awake)
    window.removeEventListener('pageshow', awake)
  }
}

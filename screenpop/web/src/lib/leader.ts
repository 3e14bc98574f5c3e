/**
 * One leader among the tabs of an agent: only it rings, notifies and acknowledges; the others follow.
 *
 * Web Locks decide where the browser has them (secure origins). On plain http in a local network they are
 * missing: there a lease in localStorage, renewed every 2 s and void after 6 s, does the same a little slower.
 */
const RENEW_MS = 2_000
const LEASE_MS = 6_000

interface Lease {
  tab: string
  until: number
}

/** Start to stand for leader; `onChange(true)` on winning, `onChange(false)` on losing. Returns the way out. */
export function standForLeader(name: string, tab: string, onChange: (leader: boolean) => void): () => void {
  return 'locks' in navigator ? byLock(name, onChange) : byLease(name, tab, onChange)
}

function byLock(name: string, onChange: (leader: boolean) => void): () => void {
  const leave = new AbortController()
  let release: () => void = () => undefined
  navigator.locks
    .request(name, { signal: leave.signal }, () => {
      onChange(true)
      return new Promise<void>((resolve) => {
        release = resolve
      })
    })
    .catch(() => undefined) // aborted while waiting: we left before we ever led
  return () => {
    leave.abort()
    release()
    onChange(false)
  }
}

function byLease(name: string, tab: string, onChange: (leader: boolean) => void): () => void {
  let leading = false
  const read = (): Lease | null => {
    try {
      return JSON.parse(localStorage.getItem(name) ?? 'null') as Lease | null
    } catch {
      return null
    }
  }
  const set = (value: boolean): void => {
    if (value === leading) return
    leading = value
    onChange(value)
  }
  const round = (): void => {
    const lease = read()
    const now = Date.now()
    if (lease && lease.tab !== tab && lease.until > now) return set(false)
    localStorage.setItem(name, JSON.stringify({ tab, until: now + LEASE_MS } satisfies Lease))
    // Two tabs may write in the same instant: the one that still reads itself a moment later has won.
    window.setTimeout(() => set(read()?.tab === tab), leading ? 0 : 50 + Math.random() * 50)
  }
  const give = (): void => {
    if (read()?.tab === tab) localStorage.removeItem(name)
  }
  round()
  const timer = window.setInterval(round, RENEW_MS)
  window.addEventListener('pagehide', give)
  return () => {
    window.clearInterval(timer)
    window.removeEventListener('pagehide', give)
    give()
    set(false)
  }
}

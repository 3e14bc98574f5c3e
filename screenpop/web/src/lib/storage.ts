/** localStorage that never throws: private windows and full disks must not stop a call. */
export function load<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(key)
    return text === null ? fallback : (JSON.parse(text) as T)
  } catch {
    return fallback
  }
}

export function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value))
  } catch {
    // nothing to do: the server's copy of a draft remains
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(key)
  } catch {
    // see save
  }
}

/** Times for people: stored in UTC, shown in the zone of the installation (Asia/Shanghai by default). */

export type TimeWords = {
  justNow: string
  minutesAgo: (n: number) => string
  hoursAgo: (n: number) => string
  yesterday: string
  inMinutes: (n: number) => string
  inHours: (n: number) => string
}

interface Parts {
  year: number
  month: number
  day: number
  hour: string
  minute: string
  second: string
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatter(zone: string): Intl.DateTimeFormat {
  let found = formats.get(zone)
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(zone, found)
  }
  return found
}

function parts(ms: number, zone: string): Parts {
  const found: Record<string, string> = {}
  for (const part of formatter(zone).formatToParts(ms)) found[part.type] = part.value
  return {
    year: Number(found['year']),
    month: Number(found['month']),
    day: Number(found['day']),
    hour: found['hour'] ?? '',
    minute: found['minute'] ?? '',
    second: found['second'] ?? '',
  }
}

const two = (n: number): string => String(n).padStart(2, '0')

/** Milliseconds since the epoch, or null where the text is no time. */
export function parseTime(iso: string | null | undefined): number | null {
  if (!iso) return null
  const ms = Date.parse(iso)
  return Number.isNaN(ms) ? null : ms
}

/** `2025-03-01 14:05:09` in the zone. */
export function fullTime(ms: number, zone: string): string {
  const p = parts(ms, zone)
  return `${p.year}-${two(p.month)}-${two(p.day)} ${p.hour}:${p.minute}:${p.second}`
}

/** `14:05` in the zone. */
export function clockTime(ms: number, zone: string): string {
  const p = parts(ms, zone)
  return `${p.hour}:${p.minute}`
}

/** `2025-03-01` in the zone: the key by which a day is grouped. */
export function dayKey(ms: number, zone: string): string {
  const p = parts(ms, zone)
  return `${p.year}-${two(p.month)}-${two(p.day)}`
}

/** 刚刚 / 3 分钟前 / 昨天 14:05 / 03-01 14:05 / 2024-03-01. */
export function relativeTime(ms: number, now: number, zone: string, words: TimeWords): string {
  const passed = now - ms
  const minutes = Math.floor(Math.abs(passed) / 60_000)
  if (minutes < 1) return words.justNow
  if (passed < 0) {
    if (minutes < 60) return words.inMinutes(minutes)
    if (minutes < 24 * 60) return words.inHours(Math.floor(minutes / 60))
  } else {
    if (minutes < 60) return words.minutesAgo(minutes)
    const today = dayKey(now, zone)
    if (dayKey(ms, zone) === today) return words.hoursAgo(Math.floor(minutes / 60))
    if (dayKey(now - 86_400_000, zone) === dayKey(ms, zone)) return `${words.yesterday} ${clockTime(ms, zone)}`
  }
  const p = parts(ms, zone)
  if (p.year === parts(now, zone).year) return `${two(p.month)}-${two(p.day)} ${p.hour}:${p.minute}`
  return `${p.year}-${two(p.month)}-${two(p.day)}`
}

/** `00:07`, `12:34`, `1:02:03`; never negative. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const h = Math.floor(total / 3600)
  const m = Math.floor((total % 3600) / 60)
  const s = total % 60
  return h ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`
}

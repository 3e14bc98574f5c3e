/**
 * Waiting times between tries to reconnect: half a second, then every second, so that a connection that is
 * back is noticed at once in mid-call; after a dozen tries slowly longer, up to 5 s. Each is spread by ±25 %,
 * so that a thousand pages do not come back in the same instant.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = attempt <= 0 ? 500 : 1000 * Math.min(5, Math.max(1, attempt / 12))
  return Math.round(base * (0.75 + random() * 0.5))
}

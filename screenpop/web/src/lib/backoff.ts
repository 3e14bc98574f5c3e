/** Waiting times between tries to reconnect: 1-2-4-8-16-32 s, each spread by ±25 % so that a thousand
 * pages do not come back in the same instant. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const base = 1000 * 2 ** Math.min(Math.max(attempt, 0), 5)
  return Math.round(base * (0.75 + random() * 0.5))
}

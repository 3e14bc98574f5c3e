/** The rank of a tier in its scheme gives its colour: 1 is the highest. Colour never stands without the word. */
export function tierRank(scheme: { id: string }[], id: string): number {
  const index = scheme.findIndex((tier) => tier.id === id)
  if (index < 0) return 0
  if (scheme.length <= 5) return index + 1
  return 1 + Math.round((index * 4) / (scheme.length - 1))
}

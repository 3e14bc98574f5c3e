/**
 * How many of these widths (pixels, with a gap of 4 between them) fit into a line; where not all do,
 * room is left for one more thing that leads to the rest.
 */
const GAP = 4

export function fitting(widths: readonly number[], line: number, more: number): number {
  const ends: number[] = []
  for (const width of widths) ends.push((ends.at(-1) ?? -GAP) + GAP + width)
  if ((ends.at(-1) ?? 0) <= line) return widths.length
  return ends.filter((end) => end + GAP + more <= line).length
}

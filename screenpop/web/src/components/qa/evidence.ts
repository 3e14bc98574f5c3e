/** Which piece of evidence says why a rule stands as it does. */
import type { Evidence, SheetRow } from '@/api/qa'

const missed = (e: Evidence): boolean =>
  e.pause !== null && (e.pause.measured_ms < e.pause.min_ms || (e.pause.max_ms !== null && e.pause.measured_ms > e.pause.max_ms))

/**
 * The evidence of a row with what decided first: the steps of a protocol that went well come before the one that
 * did not, and "100 % alike" beside "failed" explains nothing.
 */
export function telling(row: SheetRow): Evidence[] {
  const [first] = row.evidence
  if (!['fail', 'review'].includes(row.auto) || first?.operator !== 'SAY' || (first.similarity ?? 0) < 0.9) return row.evidence
  const why = row.evidence.find(missed) ?? row.evidence.find((e) => e.similarity !== null && e.similarity < 0.9)
  return why ? [why, ...row.evidence.filter((e) => e !== why)] : row.evidence
}

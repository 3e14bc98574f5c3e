/** Notes as typed, in this browser, until the service has taken them. Old ones are swept after a week. */
import type { Draft } from '@/api/types'
import { forget, load, save } from './storage'

const PREFIX = 'laidian.draft.'
const KEEP_MS = 7 * 86_400_000

interface KeptDraft extends Draft {
  at: number
}

export function loadDraft(popId: string): Draft | null {
  const kept = load<KeptDraft | null>(PREFIX + popId, null)
  return kept ? { note: kept.note, disposition: kept.disposition } : null
}

export function keepDraft(popId: string, draft: Draft): void {
  save(PREFIX + popId, { ...draft, at: Date.now() } satisfies KeptDraft)
}

export function dropDraft(popId: string): void {
  forget(PREFIX + popId)
}

/** The id of the pop whose draft a storage event is about, or null. */
export function draftKeyOf(storageKey: string | null): string | null {
  return storageKey?.startsWith(PREFIX) ? storageKey.slice(PREFIX.length) : null
}

/** The pops with something typed here that was not handed in. */
export function draftIds(): string[] {
  const ids = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX))
  return ids.map((key) => key.slice(PREFIX.length)).filter((id) => {
    const draft = loadDraft(id)
    return draft !== null && (draft.note.trim() !== '' || draft.disposition !== '')
  })
}

export function sweepDrafts(now: number = Date.now()): void {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue
    const kept = load<KeptDraft | null>(key, null)
    if (!kept || now - kept.at > KEEP_MS) forget(key)
  }
}

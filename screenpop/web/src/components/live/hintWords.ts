/** The words of a hint, with the seconds that are left of it, and which hint comes first. */
import { useI18n } from 'vue-i18n'
import type { LiveHint } from '@/api/live'
import { parseTime } from '@/lib/time'
import { useClock } from '@/stores/clock'

const ORDER: LiveHint['kind'][] = ['silence', 'hangup', 'forbidden', 'name', 'closing', 'quiet', 'noise']

/** Without numbers, which are opened and not said: the most pressing first. */
export const pressing = (hints: LiveHint[]): LiveHint[] =>
  hints
    .filter((hint) => hint.kind !== 'number')
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || b.key.localeCompare(a.key))

export function useHintWords() {
  const { t } = useI18n()
  const clock = useClock()

  function left(hint: LiveHint): number {
    const due = parseTime(hint.due_at)
    return due === null ? 0 : Math.max(0, Math.ceil((due - clock.now) / 1000))
  }

  function words(hint: LiveHint): string {
    const n = left(hint)
    if (hint.kind === 'hangup') return n ? t('live.hangupIn', { n }) : t('live.hangupNow')
    if (hint.kind === 'name') return t(hint.sure ? 'live.name' : 'live.nameMaybe', { name: hint.text })
    return hint.text
  }

  function label(hint: LiveHint): string {
    const n = left(hint)
    if (hint.kind === 'silence') return n ? t('live.waitFor', { n }) : t('live.sayNow')
    if (hint.kind === 'forbidden') return t(hint.sure ? 'live.forbidden' : 'live.forbiddenMaybe')
    return t(`live.kind.${hint.kind}`)
  }

  /** Its seconds run: a screen reader is not told each of them. */
  const counts = (hint: LiveHint): boolean => left(hint) > 0

  return { words, label, counts }
}

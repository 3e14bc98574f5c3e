/** What came with the pop as a time line, shown at once until the whole one is fetched. */
import type { History, TimelineItem } from '@/api/types'
import type { CodeGroup } from './useWords'

export function timelineFromHistory(
  history: History,
  word: (group: CodeGroup, code: string) => string,
): TimelineItem[] {
  const items: TimelineItem[] = [
    ...history.contacts.map(
      (c): TimelineItem => ({
        at: c.at,
        kind: 'call',
        title: [word('channel', c.channel), c.disposition].filter(Boolean).join(' · '),
        text: c.summary,
        agent: c.agent,
        ref: '',
      }),
    ),
    ...history.complaints.map(
      (c): TimelineItem => ({
        at: c.opened_at,
        kind: 'complaint',
        title: `${c.category} · ${word('complaint', c.state)}`,
        text: c.summary,
        agent: '',
        ref: String(c.id),
      }),
    ),
    ...history.waybills.map(
      (w): TimelineItem => ({
        at: w.updated_at,
        kind: 'waybill',
        title: `${w.number} · ${word('waybill', w.state)}`,
        text: w.problem || w.last_event,
        agent: '',
        ref: w.number,
      }),
    ),
  ]
  return items.sort((a, b) => b.at.localeCompare(a.at))
}

import { describe, expect, it } from 'vitest'
import { backoffMs } from '@/lib/backoff'
import { readContext } from '@/lib/context'
import { fitting } from '@/lib/fitting'
import { timelineFromHistory } from '@/lib/fromHistory'
import { BINDINGS, strokeOf } from '@/lib/keys'
import { quantile } from '@/lib/stats'
import { tierRank } from '@/lib/tiers'
import { dayKey, duration, fullTime, parseTime, relativeTime, type TimeWords } from '@/lib/time'

const ZONE = 'Asia/Shanghai'
const at = (iso: string): number => Date.parse(iso)
const words: TimeWords = {
  justNow: '刚刚',
  yesterday: '昨天',
  minutesAgo: (n) => `${n} 分钟前`,
  hoursAgo: (n) => `${n} 小时前`,
  inMinutes: (n) => `${n} 分钟后`,
  inHours: (n) => `${n} 小时后`,
}

describe('times', () => {
  const now = at('2025-03-01T04:00:00Z') // 12:00 in Shanghai

  it.each([
    ['2025-03-01T03:59:30Z', '刚刚'],
    ['2025-03-01T03:57:00Z', '3 分钟前'],
    ['2025-02-28T16:05:00Z', '11 小时前'], // 00:05 of the same day in Shanghai
    ['2025-02-28T15:55:00Z', '昨天 23:55'], // ten minutes earlier is yesterday there
    ['2025-01-05T01:02:00Z', '01-05 09:02'],
    ['2024-12-31T15:59:00Z', '2024-12-31'],
    ['2024-12-31T16:01:00Z', '01-01 00:01'],
    ['2025-03-01T04:20:00Z', '20 分钟后'],
    ['2025-03-01T06:00:00Z', '2 小时后'],
  ])('%s reads as %s', (iso, text) => {
    expect(relativeTime(at(iso), now, ZONE, words)).toBe(text)
  })

  it('are shown in the zone of the installation, not of the computer', () => {
    expect(fullTime(at('2025-02-28T16:05:09Z'), ZONE)).toBe('2025-03-01 00:05:09')
    expect(dayKey(at('2025-02-28T16:05:09Z'), ZONE)).toBe('2025-03-01')
  })

  it('run as clocks that never show less than nothing', () => {
    expect([duration(-5), duration(7_900), duration(754_000), duration(3_723_000)]).toEqual(['00:00', '00:07', '12:34', '1:02:03'])
  })

  it('that are none are none', () => {
    expect([parseTime('yesterday'), parseTime(null), parseTime('')]).toEqual([null, null, null])
  })
})

describe('keys', () => {
  const key = (over: object) => ({
    key: '', code: '', altKey: false, ctrlKey: false, metaKey: false, shiftKey: false, isComposing: false, ...over,
  })

  it('are text while somebody types, except those with Alt or Ctrl', () => {
    expect(strokeOf(key({ key: '?' }), true)).toBeNull()
    expect(strokeOf(key({ key: '?' }), false)).toEqual({ action: 'help' })
    expect(strokeOf(key({ key: 'n', code: 'KeyN', altKey: true }), true)).toEqual({ action: 'note' })
    expect(strokeOf(key({ key: 'Enter', ctrlKey: true }), true)).toEqual({ action: 'done' })
    expect(strokeOf(key({ key: '2', code: 'Digit2', altKey: true }), true)).toEqual({ action: 'disposition', digit: 2 })
    expect(strokeOf(key({ key: '2' }), false)).toEqual({ action: 'candidate', digit: 2 })
  })

  it('belong to the input method while it composes, and AltGr to the keyboard', () => {
    expect(strokeOf(key({ key: 'n', code: 'KeyN', altKey: true, isComposing: true }), true)).toBeNull()
    expect(strokeOf(key({ key: 'ń', code: 'KeyN', altKey: true, ctrlKey: true }), true)).toBeNull()
  })

  it('are all on the cheat sheet, each once', () => {
    expect(new Set(BINDINGS.map((b) => b.keys)).size).toBe(BINDINGS.length)
  })
})

describe('what the caller did in the menu', () => {
  it('is split into steps, and the waybill gets its state from what is known', () => {
    const waybills = [{ number: 'LD1', state: '派送中', updated_at: '', origin: '', destination: '', receiver: '', last_event: '', problem: '' }]
    expect(readContext({ path: '查件>输入运单 > 转人工', waybill: 'LD1', wait: '45 秒' }, waybills)).toEqual({
      path: ['查件', '输入运单', '转人工'],
      waybill: 'LD1',
      waybillState: '派送中',
      rest: [{ key: 'wait', value: '45 秒' }],
    })
  })

  it('is cut to a size that cannot push the card away', () => {
    const menu = readContext({ path: 'x'.repeat(60_000), waybill: 'y'.repeat(60_000), ...Object.fromEntries([...Array(99).keys()].map((n) => [`k${n}`, 'v'])) }, [])
    expect(menu.path[0]?.length).toBe(61)
    expect(menu.waybill.length).toBe(61)
    expect(menu.rest.length).toBe(8)
  })

  it('of strange kinds is text', () => {
    expect(readContext({ path: null, waybill: 5, extra: { a: 1 } }, [])).toMatchObject({ path: [], waybill: '5' })
  })
})

describe('small things', () => {
  it('reconnects every second at first, never later than 5 s, spread by a quarter', () => {
    expect([0, 1, 2, 12, 24, 60, 999].map((n) => backoffMs(n, () => 0.5))).toEqual([500, 1000, 1000, 1000, 2000, 5000, 5000])
    expect([backoffMs(1, () => 0), backoffMs(1, () => 1)]).toEqual([750, 1250])
  })

  it('ranks tiers by their place in the scheme', () => {
    const five = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }))
    expect(five.map(({ id }) => tierRank(five, id))).toEqual([1, 2, 3, 4, 5])
    expect(tierRank(five, 'z')).toBe(0)
    expect(tierRank([...five, { id: 'f' }], 'f')).toBe(5)
  })

  it('takes quantiles by nearest rank', () => {
    expect([quantile([], 0.5), quantile([3, 1, 2], 0.5), quantile([1, 2, 3, 4], 0.99)]).toEqual([null, 2, 4])
  })

  it('makes a time line of what came with the pop, newest first', () => {
    const items = timelineFromHistory({
      contacts: [{ at: '2025-01-01T00:00:00Z', channel: '来电', direction: 'inbound', agent: '1001', summary: '催派', disposition: '' }],
      complaints: [{ id: 1, opened_at: '2025-01-02T00:00:00Z', category: '延误', state: '处理中', waybill: '', due_at: null, summary: '' }],
      waybills: [],
    }, (_group, code) => code)
    expect(items.map((item) => [item.kind, item.title])).toEqual([['complaint', '延误 · 处理中'], ['call', '来电']])
  })
})

describe('desks in one line', () => {
  it.each([
    [[60, 60, 60], 188, 3],
    [[60, 60, 60], 187, 1], // 60 + gap + more
    [[60, 60, 60, 60], 216, 2],
    [[60, 60], 50, 0],
    [[], 50, 0],
  ])('%j in %d px: %d of them', (widths, line, count) => {
    expect(fitting(widths, line, 88)).toBe(count)
  })
})

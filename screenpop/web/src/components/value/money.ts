/** Money of a year as people read it: 12.3 万, 9,200. */
export function yuan(value: number | null, english: boolean): string {
  if (value === null) return '—'
  if (!english && Math.abs(value) >= 10_000) return `${(value / 10_000).toLocaleString('zh-CN', { maximumFractionDigits: 1 })} 万`
  return value.toLocaleString(english ? 'en' : 'zh-CN', { maximumFractionDigits: 0 })
}

/** A value of a record as people read it. */
export function said(value: unknown, t: (key: string) => string): string {
  if (value === null || value === undefined || value === '') return '—'
  if (typeof value === 'boolean') return t(value ? 'customers.yes' : 'customers.no')
  return String(value)
}

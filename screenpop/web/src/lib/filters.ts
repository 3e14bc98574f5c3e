/** What the filter bars share: the value of a control, and the part of an address that is set. */
export const valueOf = (event: Event): string => (event.target as HTMLInputElement | HTMLSelectElement).value.trim()
export const checkedOf = (event: Event, on = '1'): string => ((event.target as HTMLInputElement).checked ? on : '')
export const filled = (of: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value))

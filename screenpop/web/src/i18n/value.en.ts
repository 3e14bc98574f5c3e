import type zh from './value.zh'

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }

/** English texts of customer value; the same keys as value.zh.ts. */
const value: Texts<typeof zh> = {
  nav: 'Value',
  title: 'Customer value',
  computed: 'Tiers recomputed',
  never: 'Tiers have not been recomputed yet (every night, or laidian tiers recompute)',
  crowded: 'Representatives with more than {most} customers: {list}',
  crowdedOne: '{agent} ({n})',
  failed: 'The figures could not be loaded',
  customers: 'Customers',
  revenue: 'Revenue of a year (CNY)',
  chart: '{scheme}: {parts}',
  scheme: 'Tier scheme',
  active: 'active',
  ours: 'some thresholds are our defaults, to be confirmed',
  filter: { label: 'Filter customers', anyTier: 'All tiers', anyIndustry: 'All industries', anyService: 'All services', anyRegion: 'All regions', anyKind: 'All alerts', anyStep: 'Any progress', tier: 'Tier', industry: 'Industry', service: 'Service', region: 'Region', kind: 'Kind of alert', step: 'Progress', q: 'Name / code' },
  region: { 全省性: 'province-wide', 区域性: 'one prefecture' },
  tab: { label: 'Lists of customers', upgrades: 'Upgrades', churn: 'Churn alerts' },
  col: { customer: 'Customer', tier: 'Tier', class: 'Industry · services', value: 'Current value', potential: 'Potential value', proposal: 'Proposal', cause: 'Why', effort: 'Effort', step: 'Progress' },
  potentialHint: 'The last quarter carried on for a year with its growth, bounded to 0.5–2 (our default)',
  yuan: 'CNY a year',
  unknown: 'unknown',
  reached: '{tier} reached: tell the customer',
  near: 'near {tier}',
  upgrades: { empty: 'No proposals', emptyText: 'Customers who have reached the next tier or are near it show up here.' },
  churn: { empty: 'No churn alerts', emptyText: 'Regulars who have fallen silent or send much less show up here.', kind: { silent: 'silent', volume: 'volume dropped' } },
  noMatch: 'No customer matches',
  noMatchText: 'Widen or clear the filters.',
  step: { open: 'to contact', contacted: 'contacted', explained: 'apologised, reason known', remedied: 'remedy given', kept: 'kept', lost: 'lost' },
  do: { open: 'Begin again', contacted: 'Contacted', explained: 'Apologised, asked why', remedied: 'Remedy given', kept: 'Kept', lost: 'Lost' },
  note: 'Note (reason, remedy)',
  saved: 'Noted',
  total: '{n} customers',
  before: 'Previous',
  after: 'Next',
  card: {
    title: 'Value', failed: 'The value could not be loaded', current: 'Current value', potential: 'Potential value', points: 'Points', tiers: 'Tier in each scheme', history: 'Changes', none: 'not enough data', noHistory: 'No changes yet', classes: 'Classes', reach: 'Upgrade',
    entries: 'Points ledger', noEntries: 'No points yet', delta: 'Change', reason: 'Reason', add: 'Add', added: 'Points added', badDelta: 'A whole number other than 0, and a reason',
  },
  prefs: { title: 'Preferences', edit: 'Edit preferences', none: 'Nothing noted yet', name: 'Name', text: 'Text', more: 'One more', save: 'Save', cancel: 'Cancel', saved: 'Preferences saved' },
  cause: { import: 'import', nightly: 'nightly', 'by hand': 'by hand', synthetic: 'synthetic' },
}

export default value

import type { Messages } from './shape'

/** The list of customers, editing a record, one contact. */
const customers: Messages['customers'] = {
  title: 'Customers',
  total: '{n}',
  more: 'more than {n}',
  sort: 'Order',
  sorts: { new: 'Newest', name: 'Name', code: 'Code', value: 'Current value' },
  turned: 'Reversed',
  columns: 'Columns',
  before: 'Back',
  after: 'Next',
  first: 'First page',
  failed: 'The customers could not be loaded',
  empty: 'No customers yet',
  emptyText: 'Import them with laidian import customers, or wait for the first call.',
  noMatch: 'No customer matches',
  noMatchText: 'Widen or clear the filters. Of a number its beginning or last 8 digits will do.',
  open: 'Open',
  keys: '↑↓ choose, Enter opens',
  col: {
    name: 'Customer', number: 'Number', tier: 'Tier', industry: 'Industry', services: 'Services', region: 'Region', county: 'County', representative: 'Representative', value: 'Current value', potential: 'Potential', alert: 'Alerts', updated: 'Updated',
  },
  filter: {
    label: 'Filter customers', kind: 'Kind', anyKind: 'Firms and persons', tier: 'Tier', anyTier: 'Any tier', scheme: 'Scheme', industry: 'Industry', anyIndustry: 'Any industry', service: 'Service', anyService: 'Any service', region: 'Region', anyRegion: 'Any region', county: 'County', representative: 'Representative', green: 'Green channel', churn: 'Churn alert', noChurn: 'Any alert or none', anyChurn: 'Any churn alert', q: 'Number / name / code / waybill',
  },
  churn: { silent: 'Silent', volume: 'Volume fell' },
  reach: 'near {tier}',
  edit: {
    open: 'Edit', title: 'Edit the record', save: 'Save', cancel: 'Cancel', saved: 'Saved', nothing: 'Nothing was changed',
    numbers: 'Numbers', addNumber: 'Add a number', number: 'Number', label: 'Used for', person: 'Contact person', nobody: 'the customer', drop: 'Remove', undo: 'Keep',
    people: 'Contact persons', addPerson: 'Add a contact person', age: 'Age', role: 'Role',
    history: 'Changes', noHistory: 'No changes by hand', by: '{who} changed', steers: 'Representative and green channel are set by supervisors',
  },
  conflict: { title: 'Somebody has just changed this customer', text: 'Yours is not saved yet. Look at the changes, then decide.', imported: 'Changed by an import, which keeps no list; what you changed is now:', again: 'Save mine all the same', drop: 'Drop mine, show the latest' },
  field: {
    name: 'Name', title: 'Title', company: 'Firm', address: 'Address', business: 'Business', occupation: 'Occupation', hobbies: 'Hobbies', birthday: 'Birthday', note: 'Note', industry: 'Industry', services: 'Services', county: 'County', representative: 'Representative', green_channel: 'Green channel', payment: 'Payment', cooperation_years: 'Years with us', numbers: 'Numbers', people: 'Contact persons',
    spend: 'Spent', satisfaction: 'Satisfaction', last_order: 'Last order', source: 'Source', created: 'Created',
  },
  years: '{n} years',
  yuan: '{n} yuan',
  yes: 'yes',
  no: 'no',
  contact: {
    title: 'Contact', failed: 'The contact could not be loaded', customer: 'Customer', number: 'Number', agent: 'Agent', queue: 'Queue', wait: 'Waited', talk: 'Talked', disposition: 'Disposition', note: 'Note', waybill: 'Waybill', satisfaction: 'Score', menu: 'In the menu', recording: 'Recording', listen: 'To the QA desk', notOpen: 'Not published', complaint: 'Complaint of this call', record: 'Open the complaint', seconds: '{n} s',
  },
  voice: { play: 'Play the message', failed: 'The message could not be loaded', loading: 'Loading the message…', label: "The caller's message" },
  service: { title: 'Service', route: 'served by {who}' },
}
export default customers

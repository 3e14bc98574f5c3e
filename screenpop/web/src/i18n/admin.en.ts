/** Administration. */
export default {
  nav: 'Administration',
  title: 'Administration',
  failed: 'Could not load',
  never: 'never',
  close: 'Close',
  cancel: 'Cancel',
  copy: 'Copy',
  copied: 'Copied',
  once: 'Shown this once. Keep it now; it cannot be seen again.',
  tab: { label: 'Administration', links: 'Tokens', events: 'Events out', transfer: 'Import, export', audit: 'Audit log', person: 'Personal data', users: 'Users' },
  links: {
    intro: 'TMS, WMS and others push waybills and orders, ask, and pull events with a token. API: /api/v1/openapi.json',
    add: 'New token', name: 'System', scopes: 'Scopes', days: 'Days valid', daysHint: 'empty: no end', signed: 'pushes must be signed', make: 'Make token',
    token: 'Token', secret: 'Signing secret', revoke: 'Revoke', revokeAsk: '{name} loses access at once.', revoked: 'Revoked', expired: 'Expired', alive: 'Valid', used: 'Last used', rate: '{n}/min', expires: 'Ends', forever: 'no end', by: 'by {who}', empty: 'No other systems yet', emptyText: 'Make a token and hand it to the other system’s engineer.',
  },
  events: {
    intro: 'What happens here is posted, signed, at least once, in order for each subject; a receiver that is away is tried again with growing pauses, then put aside.',
    add: 'New subscription', name: 'Name', url: 'Address', kinds: 'Events', all: 'all events', make: 'Subscribe', secret: 'Signing secret',
    state: { on: 'Sending', off: 'Stopped', away: 'Receiver away' }, counts: '{waiting} waiting · {sent} sent', dead: '{n} dead', off: 'Stop', on: 'Go on', remove: 'Remove', removeAsk: 'Remove {name} and what waits for it?', resendAll: 'Resend dead', last: 'Last delivery', again: 'next try {time}', empty: 'No subscriptions yet', emptyText: 'Give the receiver’s address; only admins may.',
    deliveries: 'Deliveries', filter: { all: 'all', waiting: 'waiting', sent: 'sent', dead: 'dead' }, tries: '{n} tries', resend: 'Resend', resent: '{n} to be sent again', none: 'No deliveries',
    col: { seq: 'No.', kind: 'Event', subject: 'Subject', to: 'To', state: 'State', at: 'At', error: 'Why' },
  },
  transfer: {
    import: 'Import', export: 'Export', kind: 'What', file: 'Choose a file', hint: 'CSV or XLSX with Chinese column names. Check first; with a bad row nothing is written.', check: 'Check', write: 'Write', writing: 'Writing…', checking: 'Checking…', progress: '{step} {n}',
    kinds: { customers: 'Customers', waybills: 'Waybills', orders: 'Orders', payments: 'Payments', complaints: 'Complaints' },
    ok: 'Good: {rows} records, ready to write', done: 'Written: {created} new, {changed} changed, {unchanged} as before', same: 'Imported {time} already, nothing changed', refused: '{bad} bad rows, nothing was written', tiers: '{n} customers changed tier', line: 'line {n}', warnings: 'Note', failed: 'Not imported',
    exportHint: 'The columns of the imports: exported and imported again changes nothing (complaints: export only). Audited; files hold whole numbers.', xlsx: 'Excel', csv: 'CSV', exporting: 'Exporting…', exported: 'Exported', history: 'Imports so far', none: 'Nothing imported yet',
    col: { at: 'At', kind: 'What', file: 'File', who: 'Who', rows: 'Records', result: 'Result' }, counts: '{created} new · {changed} changed · {unchanged} as before',
  },
  audit: {
    who: 'Who', action: 'Action', anyAction: 'all actions', subject: 'Subject, as customer:12', since: 'From', until: 'To', export: 'Excel', more: 'Earlier', empty: 'No such entries', emptyText: 'Try other filters.', intro: 'Only added to; numbers are masked.',
    col: { at: 'At', who: 'Who', action: 'Action', subject: 'Subject', detail: 'Detail', remote: 'From' }, changed: '{field}: {old} → {new}', none: '(empty)',
    key: { rows: 'rows', file: 'file', created: 'new', changed: 'changed', name: 'name', scopes: 'scopes', deliveries: 'deliveries', kinds: 'events', url: 'address', signed: 'signed', source: 'source', masked: 'number', pop: 'pop', step: 'step', preferences: 'preferences', roles: 'roles' },
  },
  person: {
    intro: 'Find everything about one person, export it, or erase it. Figures stay without the person; sound and text leave the disk; there is no way back.', who: 'Code, #id or number', find: 'Find', nobody: 'Nobody found', found: '{name}', number: 'a number of no customer', rows: '{label} {n}', export: 'Export JSON', erase: 'Erase…', confirm: 'Type 删除 to confirm', sure: 'Erase', erased: 'Erased', word: '删除', none: 'Nothing is kept',
  },
  users: { intro: 'Users are kept with laidian user add|passwd|disable.', disabled: 'disabled', col: { username: 'User', name: 'Name', roles: 'Roles', agent: 'Agent', team: 'Team' }, empty: 'No users' },
  role: { agent: 'agent', supervisor: 'supervisor', qa: 'inspector', qa_lead: 'QA lead', inspector: 'inspector', admin: 'admin' },
  consent: { title: 'Consent', unsaid: 'not said', given: 'agreed', refused: 'refused', give: 'Agreed', refuse: 'Refused', source: 'Source', word: '{who} · {source}', saved: 'Kept', failed: 'Consent could not be loaded' },
}

import type zh from './care.zh'

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }

/** Complaints and problem items. */
const en: Texts<typeof zh> = {
  nav: 'Complaints & problems',
  title: 'Complaints and problem items',
  all: 'All',
  later: 'Decide later',
  byRule: 'By category and tier',
  within: 'Within {n} h',
  after: 'In {n} h',
  failed: 'The data did not load',
  ours: 'Deadlines, tier factors and escalation are system defaults, to be confirmed',
  tab: { label: 'Content', complaints: 'Complaints', problems: 'Problem items', figures: 'Causes' },
  filter: {
    label: 'Filter complaints', category: 'Category', anyCategory: 'Any category', department: 'Department', anyDepartment: 'Any department', owner: 'Owner', anyOwner: 'Any owner', mine: 'Mine', state: 'State', active: 'Not closed', late: 'Late only', q: 'Code / waybill / number / name', customer: 'This customer only', kind: 'Kind', anyKind: 'Any kind', anyState: 'Any state', from: 'From', to: 'To',
  },
  export: 'Export to Excel',
  exporting: 'Exporting…',
  exported: 'Exported',
  empty: { open: 'Nothing waits to be taken', handling: 'Nothing in progress', resolved: 'Nobody to call back', told: 'Nothing waits to be closed', closed: 'No closed complaints', withdrawn: 'No withdrawn complaints' },
  more: '{n} more are not shown: narrow the filters',
  lateCount: '{n} late',
  due: 'Due {time}',
  overdue: '{time} late',
  level: 'Escalated: {who}',
  nobody: 'No owner',
  callNow: 'Ready to call',
  callAt: 'Call again {time}',
  field: {
    category: 'Category', waybill: 'Waybill', department: 'Department', cause: 'Cause', owner: 'Owner', promised_at: 'Promised', due_at: 'Answer due', result: 'Result', customer: 'Customer', number: 'Number', opened: 'Recorded', told: 'Told', text: 'What the customer said', summary: 'Text', detail: 'Detail', customer_id: 'Customer', call: 'Recorded call',
  },
  record: { failed: 'The complaint did not load', back: 'Back to the board', edit: 'Edit', save: 'Save', cancel: 'Cancel', saved: 'Saved', history: 'Steps', voice: 'Voice message left in the menu', transcript: 'transcript', score: 'score {n}', noScore: 'not scored', listen: 'QA desk', stamp: 'recorded by {who}' },
  conflict: { title: 'Somebody has just changed this complaint', text: 'Yours is not saved. Look at the changes below, then decide.', again: 'Save mine all the same', drop: 'Drop mine, show the latest', changed: '{field}: {old} → {new}', none: '(empty)' },
  do: { take: 'Take', follow_up: 'Follow up', hand_over: 'Hand over', resolve: 'Resolve', tell: 'Customer told', call_failed: 'Not reached', close: 'Close', reopen: 'Reopen', withdraw: 'Withdraw' },
  did: { open: 'recorded it', edit: 'edited', escalate: 'escalated by the system: {note}', take: 'took it', follow_up: 'followed up', hand_over: 'handed it over', resolve: 'resolved it', tell: 'told the customer', call_failed: 'did not reach the customer', close: 'closed it', reopen: 'reopened it', withdraw: 'withdrew it' },
  ask: { note: 'What was done', outcome: 'With what result', result: 'What the customer is to be told', told_how: 'Told how', callOutcome: 'What the customer said', call_at: 'When to call again', to: 'Hand over to', toNobody: 'Back to the open ones' },
  how: { phone: 'Phone', sms: 'SMS', wechat: 'WeChat', email: 'E-mail', visit: 'Visit' },
  done: 'Recorded',
  figures: {
    title: 'Shares of complaint causes', total: '{n} complaints', inTime: '{n} answered in time', late: '{n} late', category: 'By category', department: 'By department', cause: 'By cause', problem_kind: 'Why parcels are stuck (problem items)', none: 'No complaints or problem items in this span', noneText: 'Try another span.', unknown: 'Not given', days: 'Last {n} days', span: 'Span', chart: '{title}: {parts}', count: 'Count', share: 'Share',
  },
  problem: {
    title: 'Problem item', filter: 'Filter problem items', kind: 'Kind', shift: 'Shift', late: 'Late shift', mid: 'Mid shift', sameDay: 'Same-day site', arose: { delivery: 'Came up at', damage: 'Arrival scan', out_of_area: 'Received at', other: 'Came up at' },
    remark: 'Remark', remarkHint: 'e.g. 3月10日9点 李女士 外箱破损拒收 13800138000', waybill: 'Waybill', waybillHint: 'optional', submit: 'Register', done: 'Problem item {code} registered',
    missing: 'Missing: {what}', whole: 'The remark is complete', void: 'Void remark: it tells nobody anything', due: 'To be registered {time}', past: 'Was to be registered {time}: late',
    element: { 产生时间: 'time', 联系人: 'contact', 事情: 'matter', 联系电话: 'phone number' },
    kinds: { delivery: 'Delivery problem', damage: 'Damaged or not received', out_of_area: 'Out of area / return', other: 'Other' },
    state: { open: 'Open', closed: 'Closed', late: 'Late' },
    col: { code: 'Code', kind: 'Kind', waybill: 'Waybill', remark: 'Remark', arose: 'Arose', due: 'Due', state: 'State', act: 'Action' },
    overdue: 'Open, overdue', registeredLate: 'Registered late', inTime: 'In time', close: 'Close…', result: 'What was done', closed: 'Closed',
    q: 'Code / waybill / remark',
    counts: '{total} in all, {open} open', overdueCount: '{n} open past due', empty: 'No problem items', emptyText: 'Agents register them beside the waybill on the pop; the remark needs time, contact, matter and phone number.',
    ours: '24 hours for “Other” is a system default, the other deadlines are from JG 5.5.6',
  },
}
export default en

import type zh from './qa.zh'

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }

/** English texts of the QA desk; the same keys as qa.zh.ts. */
const en: Texts<typeof zh> = {
  nav: { label: 'QA pages', calls: 'Calls', dashboard: 'Dashboard', jobs: 'Transcription', rules: 'Rules' },
  synthetic: 'Synthetic voices',
  engine: 'Engine',
  noEngine: 'no engine',
  rulesVersion: 'Rules',
  refresh: 'Refresh',
  back: 'Back',
  cancel: 'Cancel',
  fatal: 'Fatal',
  fatalProposed: 'Fatal (proposed)',
  fatalConfirmed: 'confirmed',
  verdict: { pass: 'Pass', fail: 'Fail', na: 'N/A', review: 'Review' },
  decision: { hit: 'Hit', false_hit: 'False hit', na: 'N/A' },
  leg: { agent: 'Agent', caller: 'Caller', both: 'Both' },
  legState: { ok: 'fine', silent: 'silent', empty: 'empty file', broken: 'broken file', missing: 'missing', too_long: 'too long', two_voices: 'perhaps two voices', purged: 'deleted by retention' },
  state: { auto_scored: 'Auto-scored', queued: 'To review', reviewed: 'Reviewed', published: 'Published', acknowledged: 'Acknowledged', appealed: 'Appealed', forwarded: 'Appeal forwarded', reassigned: 'In second review', final: 'Final' },
  reason: { sample: 'random sample', fatal: 'fatal', band: 'review band', low: 'low score', asked: 'by hand' },
  job: { waiting: 'not chosen', queued: 'queued', transcribing: 'transcribing', scoring: 'scoring', done: 'done', failed: 'failed' },
  outcome: { upheld: 'upheld', rejected: 'rejected', withdrawn: 'withdrawn' },
  step: {
    score: 'Scored', scored: 'Scored', rescored: 'Scored again', queue: 'Queued', queued: 'Queued', sample: 'Sampled', sampled: 'Sampled',
    review: 'Reviewed', save: 'Decisions kept', publish: 'Published', acknowledge: 'Acknowledged', appeal: 'Appealed', withdraw: 'Appeal withdrawn', forward: 'Appeal forwarded', assign: 'Assigned', final: 'Final', transcribe: 'Transcription',
  },
  hungUp: { agent: 'agent hung up', caller: 'caller hung up', transfer: 'ended by transfer', phone: 'phone lost' },
  scoreKind: { auto: 'Automatic', manual: 'Reviewed', final: 'Final' },
  mine: { nav: 'My quality', title: 'My reviewed calls', empty: 'Nothing published yet', emptyText: 'Published reviews show up here; acknowledge them or appeal single items.' },
  list: {
    title: 'Calls', total: '{n} calls', time: 'Time', agent: 'Agent', queue: 'Queue', caller: 'Caller', length: 'Length', complaint: 'Complaint', score: 'Score', decided: 'decided', findings: 'Findings', state: 'State',
    low: 'low', fails: '{n} failed', reviews: '{n} to review', export: 'Export to Excel', exporting: 'Exporting…', exported: 'Exported', before: 'Previous', after: 'Next',
    failed: 'The calls could not be loaded', empty: 'No recorded calls yet', emptyText: 'Recorded calls show up here when they have ended.', noMatch: 'No call matches', noMatchText: 'Widen or clear the filters.',
  },
  filter: {
    label: 'Filter calls', anyAgent: 'All agents', anyQueue: 'All queues', anyRule: 'All rules', anyVerdict: 'Any verdict', sample: 'Sample {n}', noSample: 'Show other calls again', anyState: 'All states', anyReason: 'All reasons', anyJob: 'Any transcription', from: 'From', to: 'To', scoreMin: 'Min score', scoreMax: 'Max score',
    rule: 'Rule', verdict: 'Verdict', state: 'Review state', reason: 'Why queued', job: 'Transcription', q: 'Number / complaint', complaint: 'Complaint', mine: 'Mine',
  },
  detail: { next: 'Next call', last: 'This was the last call', missing: 'No such call', missingText: 'It may have been deleted, or is not open to you.', failed: 'The call could not be loaded' },
  wave: { label: 'Waveforms of both legs, {at} of {total}, {n} marks' },
  player: { label: 'Player', play: 'Play', pause: 'Pause', loading: 'Loading…', space: 'Space', back: 'Back 3 s', forward: 'Forward 3 s', rate: 'Speed', solo: 'Listen to', both: 'Both', agent: 'Agent only', caller: 'Caller only', failed: 'The recording cannot be played: ', gone: 'Recording deleted by retention' },
  transcript: { title: 'Transcript', playFrom: 'Play from {at}', unsure: 'Recognised with little confidence ({p}%)', none: 'No transcript', noneText: 'It shows up here once it is made.' },
  sheet: {
    more: '{n} more pieces of evidence',
    title: 'Score sheet', none: 'Not scored yet', noneText: 'The sheet shows up here after transcription.', forbidden: 'Never', due: 'Due', heard: 'Heard', nothing: '(not heard)', noEvidence: 'No evidence', similarity: '{p}% alike', pause: 'Pause {measured} s / due {due} s',
    weight: 'weight {n}', advisory: 'advisory', auto: 'automatic: {verdict}', decidedBy: '{by} decided: {decision}', decide: 'Decide on {rule}', comment: 'Comment (optional)', addedBy: 'added by {by}', remove: 'Remove',
  },
  add: { open: 'Add hit', hint: 'Add a fault that was missed; drag on the wave to mark it', title: 'Add a hit', rule: 'Choose a rule', leg: 'Whose leg', from: 'From (s)', to: 'To (s)', comment: 'Comment', save: 'Save', saved: 'Added' },
  review: { undecided: '{n} faults not decided yet: {rules}', label: 'Review', comment: 'Comment', inspector: 'Inspector', saved: 'Review done', stale: 'Somebody changed it first; it was loaded again, please look once more.' },
  action: { review: 'Review done', publish: 'Publish', acknowledge: 'Acknowledge', appeal: 'Appeal', withdraw: 'Withdraw appeal', forward: 'Forward to QA lead', assign: 'Assign', final: 'Final decision', transcribe: 'Transcribe now', queue: 'Queue for review' },
  done: { review: 'Review done', publish: 'Published to the agent', acknowledge: 'Acknowledged', appeal: 'Appeal sent', withdraw: 'Appeal withdrawn', forward: 'Appeal forwarded', assign: 'Assigned', final: 'Final', transcribe: 'Queued for transcription', queue: 'Queued for review' },
  appeal: { reason: 'Reason (required)', hint: 'Write a reason under each failed item you appeal, then send.', send: 'Send appeal ({n})' },
  complaint: { open: 'Complaint: {category}', code: 'Code', category: 'Category', state: 'State', waybill: 'Waybill', promised: 'Promised', noPromise: 'nothing promised', customer: 'Customer' },
  history: { title: 'History', appeals: 'Appeals', comments: 'Comments', steps: 'Steps', none: 'Nothing yet', scores: 'Scores', recording: 'Recording', system: 'system' },
  facts: { bridge: 'Bridged', file: 'Recorded', drift: 'Drift', untrusted: 'timing not trusted: pauses go to review', holds: 'Holds', pauses: 'Recording paused' },
  sample: {
    open: 'Sample', title: 'Random sample', perAgent: 'Calls per agent', seed: 'Seed', seedHint: 'drawn and recorded if empty', agents: 'Agents (none: all)', complaintsOnly: 'Only calls with a complaint', draw: 'Draw', busy: 'Drawing…',
    drawn: '{drawn} of {population} calls drawn, seed {seed}', show: 'Show the calls drawn', badDays: 'Check the days.', earlier: 'Earlier samples',
  },
  dash: {
    failed: 'The figures could not be loaded', empty: 'No recorded calls in these days', emptyText: 'Choose other days or clear the filters.', calls: 'Recorded calls', coverage: 'Scored', reviewCoverage: 'Reviewed by people', decidedShare: 'Rules decided', meanScore: 'Mean score', auto: 'automatic', backlog: 'To review', oldest: 'oldest',
    trend: 'Trend', trendLabel: 'Mean score and scored calls by day, {n} calls, mean {score}', allRules: 'All rules: mean score', failShare: 'Share failed', decidedCalls: 'Calls decided', scored: 'Scored', groups: 'Agents / teams', groupTable: 'Agents / teams, lowest first', byAgent: 'by agent', byTeam: 'by team', team: 'Team', anyTeam: 'All teams', noTeam: 'no team', appeals: 'Appeals',
    fatalList: 'Fatal', noFatal: 'Nothing fatal', rules: 'Rules', precision: 'Precision [95% interval]', precisionHint: 'Precision comes only from reviewed calls of a random sample', insufficient: 'insufficient (n={n})', backlogTitle: 'Backlog', jobs: 'Transcription',
  },
  jobs: { title: 'Transcription', all: 'All', workers: '{n} workers', noWorker: 'No worker is running', failed: 'The jobs could not be loaded', empty: 'No jobs', emptyText: 'Recorded calls are queued when they have ended.', state: 'State', note: 'Note', attempts: 'Tries', worker: 'Worker', changed: 'Changed' },
  rules: {
    title: 'Rules', failed: 'The rules could not be loaded', rules: 'Rules', parameters: 'Parameters', files: 'Files and trial', name: 'Name', source: 'Source', weight: 'Weight', kind: 'Kind', examples: 'Ex.', place: 'Place', note: 'Note', parameter: 'Parameter', value: 'Value', read: 'Read a file…', preview: 'Try', busy: 'Trying…',
    previewHint: 'A trial compares only; rules and scores stay as they are.', result: '{calls} calls scored again, {changes} verdicts would change ({before} → {after})', noPreview: 'Nothing tried yet', noPreviewText: 'Change a rule file and press Try to see what would change in the stored calls.',
  },
}

export default en

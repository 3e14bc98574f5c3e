/** Call control. */
export default {
  toolbar: 'Call control', transfer: 'Transfer / consult', choose: 'Whom to send the caller to, or to ask', search: 'Agent, name or queue', searchNumber: 'Agent, name, queue or number',
  enter: 'Enter transfers · Shift+Enter consults', back: 'Back', loading: 'Loading…', nobody: 'Nobody matches', queue: 'Queue', number: 'Outside number', outside: 'outside number',
  blind: 'Transfer', consult: 'Consult', noFlows: 'The voice menu is off', pending: '{name}: under way…', failed: '{name} did not work, please try again',
  rejoinHint: 'No sound, or the page was closed: the phone rings again, the caller hears music', notes: 'Note of {agent}',
  command: {
    hold: 'Hold', resume: 'Resume', blind: 'Transfer', consult: 'Consult', complete: 'Complete', cancel: 'Cancel', swap: 'Swap', three: 'Three-way',
    leave: 'Leave', drop: 'Drop third', ivr: 'Voice menu', rejoin: 'Rejoin', hangup: 'Hang up',
  },
  situation: {
    over: 'Call over', ringing: 'Ringing', talking: 'In a call', held: 'Caller hears music', recall: 'Held too long: resume, or the queue gets the caller', phone_held: 'Held by the phone: resume there', ivr: 'Caller is in the menu and comes back',
    asking: 'Calling {who}, caller hears music', consulting: 'Consulting {who}, caller hears music', aside: 'With the caller, {who} waits', three: 'Three-way with {who}',
    asked: 'Being consulted, caller hears music', lost: 'Phone lost, caller waits',
  },
  flow: { waybill: 'Type a waybill', survey: 'Satisfaction' },
  fault: {
    busy: 'The command before is still under way', pbx_away: 'The PBX is away: nothing was sent', pbx_refused: 'The PBX did not do it; perhaps they have hung up', lost: 'The PBX went away; the command had no effect',
    no_effect: 'The command had no effect in time', restarted: 'The service was restarted; the command had no effect', target_failed: 'No answer there: the caller is back with you', number_not_allowed: 'Calls may not be sent to this number',
  },
  pressed: { title: 'Pressed', show: 'Who pressed what', none: '—', times: '{n}', pending: 'under way', done: 'done', failed: 'had no effect', erased: 'number erased' },
}

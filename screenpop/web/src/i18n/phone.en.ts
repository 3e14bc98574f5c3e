import type zh from './phone.zh'

type Texts<T> = { [K in keyof T]: T[K] extends string ? string : Texts<T[K]> }

/** The phone in the browser. */
const en: Texts<typeof zh> = {
  title: 'Phone',
  settings: 'Phone settings',
  rings: '{who} calling',
  answer: 'Answer',
  answering: 'Connecting…',
  decline: 'Decline',
  auto: 'Answers by itself',
  talks: 'In a call',
  mute: 'Mute',
  unmute: 'Unmute',
  mutedHint: 'Muted: the caller does not hear you',
  keypad: 'Keypad',
  figures: 'delay {rtt} ms · jitter {jitter} ms',
  hard: 'Answer on the phone ({device})',
  allow: 'Allow the microphone',
  taken: 'The phone is registered on another page and does not ring here',
  takeOver: 'Use it here',
  microphone: 'Microphone',
  level: 'Level',
  speak: 'Say something and see whether the bar moves',
  heard: 'The microphone works',
  speaker: 'Earpiece',
  ring: 'Rings on',
  try: 'Try',
  system: 'System default',
  autoAnswer: 'Answer by itself',
  autoHint: { never: 'Switched off by the administrator', choice: 'After {s} s of ringing', always: 'Switched on for everybody, after {s} s of ringing' },
  status: {
    off: 'no browser phone',
    connecting: 'connecting',
    registered: 'browser phone',
    waiting: 'lost, reconnecting',
    follows: 'in another tab',
    taken: 'on another page',
    unsupported: 'not in this browser',
  },
  fault: {
    insecure: 'This page is not https: the browser gives it no microphone; ask the administrator',
    no_permission: 'The microphone is blocked: allow it in the site settings left of the address',
    no_device: 'No microphone found: plug in the headset',
    busy: 'The microphone cannot be opened; another program may hold it',
    ask: 'The browser has not allowed the microphone yet: calls cannot be answered',
  },
  sign: {
    no_sound: 'Nothing arrives from the other side: check the network',
    rtt: 'Slow network: long delay, both will talk at once',
    loss: 'Bad network: packets are lost, words may be missing',
    jitter: 'Unsteady network: broken sound',
    silent: 'The microphone gives no sound: check the switch of the headset',
  },
  voice: { title: 'Sound', good: 'good', bad: 'bad', none: '—', hint: 'delay {rtt} (at most {rttMax}) ms, jitter {jitter} ms, lost in {lossIn}% out {lossOut}%, {codec}' },
}
export default en

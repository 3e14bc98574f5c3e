/** Every action has a key; this table is also the cheat sheet that `?` opens. */

export type Action =
  | 'search'
  | 'help'
  | 'available'
  | 'break'
  | 'note'
  | 'disposition'
  | 'done'
  | 'complaint'
  | 'reveal'
  | 'recording'
  | 'live'
  | 'switch'
  | 'waybill'
  | 'timeline'
  | 'customer'
  | 'candidate'
  | 'sound'
  | 'answer'
  | 'decline'
  | 'mute'
  | 'keypad'
  | 'phone'
  | 'close'
  | 'hold'
  | 'transfer'
  | 'complete'
  | 'cancel'
  | 'swap'
  | 'three'
  | 'rejoin'
  | 'hangup'

export interface Binding {
  action: Action
  keys: string
  group: 'call' | 'state' | 'page'
}

export const BINDINGS: readonly Binding[] = [
  { action: 'answer', keys: 'Alt J', group: 'call' },
  { action: 'decline', keys: 'Alt Q', group: 'call' },
  { action: 'mute', keys: 'Alt U', group: 'call' },
  { action: 'keypad', keys: 'Alt K', group: 'call' },
  { action: 'note', keys: 'Alt N', group: 'call' },
  { action: 'disposition', keys: 'Alt 1 … 9', group: 'call' },
  { action: 'done', keys: 'Ctrl Enter', group: 'call' },
  { action: 'complaint', keys: 'Alt C', group: 'call' },
  { action: 'reveal', keys: 'Alt R', group: 'call' },
  { action: 'recording', keys: 'Alt P', group: 'call' },
  { action: 'live', keys: 'Alt L', group: 'call' },
  { action: 'switch', keys: 'Alt S', group: 'call' },
  { action: 'waybill', keys: 'Alt W', group: 'call' },
  { action: 'customer', keys: 'Alt I', group: 'call' },
  { action: 'hold', keys: 'Alt H', group: 'call' },
  { action: 'transfer', keys: 'Alt X', group: 'call' },
  { action: 'complete', keys: 'Alt G', group: 'call' },
  { action: 'cancel', keys: 'Alt V', group: 'call' },
  { action: 'swap', keys: 'Alt Z', group: 'call' },
  { action: 'three', keys: 'Alt Y', group: 'call' },
  { action: 'rejoin', keys: 'Alt E', group: 'call' },
  { action: 'hangup', keys: 'Alt D', group: 'call' },
  { action: 'candidate', keys: '1 … 9', group: 'call' },
  { action: 'available', keys: 'Alt A', group: 'state' },
  { action: 'break', keys: 'Alt B', group: 'state' },
  { action: 'sound', keys: 'Alt M', group: 'state' },
  { action: 'phone', keys: 'Alt O', group: 'state' },
  { action: 'search', keys: 'Ctrl K', group: 'page' },
  { action: 'timeline', keys: 'Alt T', group: 'page' },
  { action: 'help', keys: '?', group: 'page' },
  { action: 'close', keys: 'Esc', group: 'page' },
]

const ALT: Record<string, Action> = {
  KeyN: 'note',
  KeyC: 'complaint',
  KeyR: 'reveal',
  KeyP: 'recording',
  KeyL: 'live',
  KeyS: 'switch',
  KeyW: 'waybill',
  KeyI: 'customer',
  KeyA: 'available',
  KeyB: 'break',
  KeyM: 'sound',
  KeyT: 'timeline',
  KeyJ: 'answer',
  KeyQ: 'decline',
  KeyU: 'mute',
  KeyK: 'keypad',
  KeyO: 'phone',
  KeyH: 'hold',
  KeyX: 'transfer',
  KeyG: 'complete',
  KeyV: 'cancel',
  KeyZ: 'swap',
  KeyY: 'three',
  KeyE: 'rejoin',
  KeyD: 'hangup',
}

export interface Stroke {
  action: Action
  /** The digit typed with `disposition` and `candidate`, from 1. */
  digit?: number
}

type KeyLike = Pick<KeyboardEvent, 'key' | 'code' | 'altKey' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'isComposing'>

/** What a key means; `typing` is true while the focus is in a field, where plain keys are text. */
export function strokeOf(event: KeyLike, typing: boolean): Stroke | null {
  if (event.isComposing) return null // an input method is at work: its keys are not ours
  const command = event.ctrlKey || event.metaKey
  if (command && !event.altKey && event.code === 'KeyK') return { action: 'search' }
  if (command && !event.altKey && event.key === 'Enter') return { action: 'done' }
  // AltGr arrives as Ctrl+Alt and belongs to the keyboard layout.
  if (event.altKey && !command && !event.shiftKey) {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1]
    if (digit) return { action: 'disposition', digit: Number(digit) }
    const action = ALT[event.code]
    return action ? { action } : null
  }
  if (event.altKey || command) return null
  if (event.key === 'Escape') return { action: 'close' }
  if (typing) return null
  if (event.key === '?' || event.key === '？') return { action: 'help' }
  if (/^[1-9]$/.test(event.key)) return { action: 'candidate', digit: Number(event.key) }
  return null
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select')
}

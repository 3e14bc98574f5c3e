/** 实时辅助: what the socket says of a talk that is being listened to (docs/protocol.md). */
export type LiveStateName = 'opening' | 'on' | 'finals_only' | 'silence_only' | 'busy' | 'retrying' | 'off'
export type HintKind = 'silence' | 'hangup' | 'name' | 'forbidden' | 'closing' | 'quiet' | 'noise' | 'number'

export interface LiveText {
  type: 'live_text'
  id: string
  leg: 'agent' | 'caller'
  n: number
  t0_ms: number
  t1_ms: number | null
  final: boolean
  parts: { text: string; sure: boolean }[]
}

export interface LiveHint {
  type: 'live_hint'
  id: string
  key: string
  kind: HintKind
  rule: string
  title: string
  text: string
  heard: string
  what: string
  sure: boolean
  due_at: string | null
  step: number
  steps: number
  gone: boolean
}

export interface LiveState {
  type: 'live_state'
  id: string
  state: LiveStateName
  engine: string
  note: string
}

export interface LiveFlag {
  type: 'live_flag'
  flag: string
  at: string
  agent: string
  queue: string
  rule: string
  title: string
  heard: string
  sure: boolean
}

export type LiveMessage = LiveText | LiveHint | LiveState | LiveFlag
export const isLive = (message: { type: string }): message is LiveMessage => message.type.startsWith('live_')

/** Call control: what the service says of it, and the commands. */
import { request } from './client'
import type { AgentStateName } from './types'

export type Situation =
  | 'over' | 'ringing' | 'talking' | 'held' | 'recall' | 'phone_held' | 'ivr'
  | 'asking' | 'consulting' | 'aside' | 'three' | 'asked' | 'lost'

export type Command =
  | 'hold' | 'resume' | 'blind' | 'consult' | 'complete' | 'cancel' | 'swap'
  | 'three' | 'leave' | 'drop' | 'ivr' | 'rejoin' | 'hangup'

/** How it stands between the agent and the caller, and what may be ordered now. */
export interface ControlPart {
  situation: Situation
  colleague: string
  commands: Command[]
}

export interface NotePart {
  agent: string
  note: string
  disposition: string
}

export interface CommandState {
  id: string
  pop_id: string
  command: Command
  target: string
  state: 'pending' | 'done' | 'failed'
  code: string
  message: string
  at: string
}

export type TargetKind = 'agent' | 'queue' | 'number' | 'flow'

export interface Target {
  kind: TargetKind
  to: string
}

export interface Targets {
  agents: { number: string; name: string; state: AgentStateName; reason: string }[]
  queues: { name: string; label: string }[]
  numbers: boolean
  flows: { name: string; label: string }[]
}

/** One command that was given in a call; `target` is KIND:TO. */
export interface Pressed {
  id: string
  agent: string
  username: string
  command: Command
  target: string
  state: 'pending' | 'done' | 'failed'
  code: string
  asked_at: string
  done_at: string | null
}

const PATIENCE_MS = 90_000 // the service answers when it knows what came of a command

export const control = {
  targets: () => request<Targets>('GET', '/calls/targets'),
  pressed: (popId: string) => request<{ items: Pressed[] }>('GET', `/calls/${encodeURIComponent(popId)}/commands`),
  order: (popId: string, id: string, command: Command, target?: Target) =>
    request<CommandState>('POST', `/calls/${encodeURIComponent(popId)}/commands`, {
      body: { id, command, ...(target ? { target } : {}) },
      deadlineMs: PATIENCE_MS,
    }),
}

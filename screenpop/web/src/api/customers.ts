/** Customers beyond the pop: the list, the edit of a record, one contact. */
import { request } from './client'
import type { Pressed } from './control'
import type { Tier } from './types'

export type Sort = 'new' | 'name' | 'code' | 'value'

export interface Listed {
  id: number
  code: string
  kind: 'company' | 'person'
  name: string
  title: string
  company: string
  number: string
  tier: Tier | null
  representative: string
  green_channel: boolean
  industry: string
  services: string[]
  region: string
  county: string
  current_value: number | null
  potential_value: number | null
  churn: '' | 'silent' | 'volume'
  reach: string
  updated_at: string
}

export interface ListAnswer {
  items: Listed[]
  before: string
  after: string
  total: number
  more: boolean
}

export interface Choices {
  schemes: { scheme: string; label: string; active: boolean; tiers: { id: string; label: string }[] }[]
  industries: string[]
  services: string[]
  regions: string[]
}

export interface Change {
  version: number
  at: string
  who: string
  changes: Record<string, [unknown, unknown]>
}

export type Field =
  | 'name'
  | 'title'
  | 'company'
  | 'address'
  | 'business'
  | 'occupation'
  | 'hobbies'
  | 'birthday'
  | 'note'
  | 'industry'
  | 'services'
  | 'county'
  | 'representative'
  | 'green_channel'
  | 'payment'
  | 'cooperation_years'

export interface PersonEdit {
  id?: number
  name: string
  title: string
  role: string
  age: number | null
  hobbies: string
  note: string
}

export interface Edit {
  version: number
  fields: Partial<Record<Field, unknown>>
  add_numbers: { number: string; label: string; person: string }[]
  drop_numbers: number[]
  people: PersonEdit[]
  drop_people: number[]
}

export interface ContactAnswer {
  id: number
  customer_id: number | null
  customer_name: string
  at: string
  ended_at: string | null
  channel: string
  direction: string
  queue: string
  agent: string
  number: string
  summary: string
  disposition: string
  note: string
  waybill: string
  ivr: Record<string, string>
  wait_s: number | null
  talk_s: number | null
  satisfaction: number | null
  recordings: { id: string; agent: string; started_at: string; open: boolean }[]
  complaints: number[]
  pressed: Pressed[]
}

export type Query = Record<string, string | number | boolean | undefined>

export const customersApi = {
  list: (query: Query, signal: AbortSignal) => request<ListAnswer>('GET', '/customers', { query, signal, deadlineMs: 15_000 }),
  choices: () => request<Choices>('GET', '/customers/choices', { deadlineMs: 15_000 }),
  edit: (id: number, body: Edit) => request<{ version: number }>('PATCH', `/customers/${id}`, { body }),
  changes: (id: number) => request<{ items: Change[] }>('GET', `/customers/${id}/changes`),
  contact: (id: number) => request<ContactAnswer>('GET', `/contacts/${id}`),
}

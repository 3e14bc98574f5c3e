/** HTTP to the service: one function per call, one error type, a deadline on each. */
import type {
  AgentStateName,
  Customer,
  CustomerAnswer,
  Draft,
  Closed,
  Gap,
  LedgerRow,
  LoginAnswer,
  Me,
  Meta,
  Pop,
  RecordingState,
  SearchItem,
  StoredPop,
  TimelineItem,
  TimelineKind,
  WaybillDetail,
} from './types'

const DEADLINE_MS = 10_000

/** What went wrong, whose fault it is (`code`) and, where the service said so, what to do (`message`). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What a page can act on: what is missing, what others changed. */
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

let token = ''
let onUnauthorized: () => void = () => undefined

export function setToken(value: string): void {
  token = value
}

/** Called once when the service says that the sign-in has ended. */
export function setUnauthorizedHandler(handler: () => void): void {
  onUnauthorized = handler
}

interface Options {
  body?: unknown
  query?: Record<string, string | number | boolean | undefined>
  signal?: AbortSignal
  keepalive?: boolean
  /** Longer than usual where the service has much to do. */
  deadlineMs?: number
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const url = new URL(`/api/v1${path}`, window.location.origin)
  for (const [key, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== '') url.searchParams.set(key, String(value))
  }
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (token) headers['Authorization'] = `Bearer ${token}`
  const init: RequestInit = { method, headers, keepalive: options.keepalive ?? false }
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json'
    init.body = JSON.stringify(options.body)
  }
  const deadline = AbortSignal.timeout(options.deadlineMs ?? DEADLINE_MS)
  init.signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
  let response: Response
  try {
    response = await fetch(url, init)
  } catch (cause) {
    if (options.signal?.aborted) throw new ApiError(0, 'aborted', '')
    const late = cause instanceof DOMException && cause.name === 'TimeoutError'
    throw new ApiError(0, late ? 'timeout' : 'unreachable', '')
  }
  const text = await response.text()
  let data: unknown
  try {
    data = text ? JSON.parse(text) : null
  } catch {
    data = null
  }
  if (!response.ok) {
    const error = (data as { error?: { code?: string; message?: string; detail?: Record<string, unknown> } } | null)?.error
    const code = error?.code ?? `http_${response.status}`
    if (response.status === 401 && path !== '/login') onUnauthorized()
    throw new ApiError(response.status, code, error?.message ?? '', error?.detail ?? {})
  }
  return data as T
}

/** Sends a file as it is, and reads the answer. */
export async function requestUpload<T>(path: string, file: Blob, query: Record<string, string | boolean>): Promise<T> {
  const url = new URL(`/api/v1${path}`, window.location.origin)
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value))
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/octet-stream' }
  let response: Response
  try {
    response = await fetch(url, { method: 'POST', headers, body: file, signal: AbortSignal.timeout(300_000) })
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError'
    throw new ApiError(0, late ? 'timeout' : 'unreachable', '')
  }
  const body = (await response.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null
  if (response.ok) return body as T
  if (response.status === 401) onUnauthorized()
  throw new ApiError(response.status, body?.error?.code ?? `http_${response.status}`, body?.error?.message ?? '')
}

/** A file of the service that needs the sign-in, such as a recording or a table for download. */
export async function requestBlob(
  path: string,
  query: Record<string, string | number | boolean | undefined> = {},
  deadlineMs = 60_000,
  signal?: AbortSignal,
): Promise<Blob> {
  const url = new URL(`/api/v1${path}`, window.location.origin)
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(key, String(value))
  }
  const deadline = AbortSignal.timeout(deadlineMs)
  let response: Response
  try {
    response = await fetch(url, {
      headers: { Authorization: `Bearer ${token}` },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    })
    if (response.ok) return await response.blob()
  } catch (cause) {
    if (signal?.aborted) throw new ApiError(0, 'aborted', '')
    const late = cause instanceof DOMException && cause.name === 'TimeoutError'
    throw new ApiError(0, late ? 'timeout' : 'unreachable', '')
  }
  const body = (await response.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null
  if (response.status === 401) onUnauthorized()
  throw new ApiError(response.status, body?.error?.code ?? `http_${response.status}`, body?.error?.message ?? '')
}

const id = encodeURIComponent

export const api = {
  login: (username: string, password: string) =>
    request<LoginAnswer>('POST', '/login', { body: { username, password } }),
  logout: () => request<unknown>('POST', '/logout', { keepalive: true }),
  me: () => request<Me>('GET', '/me'),
  meta: () => request<Meta>('GET', '/meta'),
  setState: (state: Extract<AgentStateName, 'available' | 'paused'>, reason: string) =>
    request<{ state: AgentStateName }>('PUT', '/agent/state', { body: { state, reason } }),
  search: (q: string, signal?: AbortSignal) =>
    request<{ items: SearchItem[] }>('GET', '/search', {
      query: { q, limit: 20 },
      ...(signal ? { signal } : {}),
    }),
  customer: (customerId: number) => request<CustomerAnswer>('GET', `/customers/${customerId}`),
  timeline: (customerId: number, kind: TimelineKind | '' = '', before?: string) =>
    request<{ items: TimelineItem[] }>('GET', `/customers/${customerId}/timeline`, {
      query: { kind, before, limit: 50 },
    }),
  reveal: (what: 'pop' | 'number', ref: string | number, popId?: string) =>
    request<{ number: string }>('POST', '/reveal', {
      body: { what, id: ref, ...(popId ? { pop_id: popId } : {}) },
    }),
  pops: () => request<{ items: StoredPop[]; drafts: Record<string, Draft> }>('GET', '/pops'),
  pop: (popId: string) =>
    request<{ pop: Pop; draft: Draft | null; closed: Closed | null }>('GET', `/pops/${id(popId)}`),
  saveDraft: (popId: string, draft: Draft, keepalive = false) =>
    request<Draft>('PUT', `/pops/${id(popId)}/draft`, { body: draft, keepalive }),
  wrapup: (popId: string, draft: Draft, customerId?: number) =>
    request<{ id: string; reason: string }>('POST', `/pops/${id(popId)}/wrapup`, {
      body: { ...draft, ...(customerId === undefined ? {} : { customer_id: customerId }) },
    }),
  choose: (popId: string, customerId: Customer['id']) =>
    request<Pop | { pop: Pop }>('POST', `/pops/${id(popId)}/choose`, { body: { customer_id: customerId } }),
  recording: (popId: string) => request<RecordingState>('GET', `/calls/${id(popId)}/recording`),
  pauseRecording: (popId: string, paused: boolean) =>
    request<RecordingState>('POST', `/calls/${id(popId)}/recording`, { body: { paused } }),
  createComplaint: (body: {
    pop_id?: string
    customer_id?: number
    recording_id?: string
    category: string
    waybill: string
    department?: string
    promised_at?: string
    text: string
  }) => request<{ id: number; code: string; due_at: string | null }>('POST', '/complaints', { body }),
  waybill: (number: string) => request<{ waybill: WaybillDetail }>('GET', `/waybills/${id(number)}`),
  ledger: (limit: number, agent: string) =>
    request<{ items: LedgerRow[]; gaps: Gap[] }>('GET', '/ledger', { query: { limit, agent } }),
}

/** The phone in the browser, as the service tells of it. */
import { request } from './client'
import type { Limits, Summary } from '@/lib/phone/quality'

export interface PhoneInfo {
  /** The device that registers here; '' is none. */
  device: string
  uri: string
  /** Devices on the table. */
  beside: string[]
  why_not: '' | 'no_device' | 'no_node'
  auto_answer: 'never' | 'choice' | 'always'
  auto_answer_s: number
  limits: Limits
}

export interface QualityReport extends Summary {
  pop_id: string
  leg: string
}

export const phoneApi = {
  info: () => request<PhoneInfo>('GET', '/phone'),
  quality: (report: QualityReport, keepalive = false) =>
    request<unknown>('POST', '/phone/quality', { body: report, keepalive }),
}

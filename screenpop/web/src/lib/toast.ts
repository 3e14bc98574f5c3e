/** Short messages over the time line, away from the card and from where anybody types. */
import { ElMessage } from 'element-plus'
import { errorText } from './errors'

const PLACE = { placement: 'bottom-right', offset: 16, grouping: true, plain: true } as const

export function toast(text: string): void {
  ElMessage({ message: text, type: 'success', duration: 2_500, ...PLACE })
}

/** A sentence of the service about something that went wrong. */
export function toastText(text: string): void {
  ElMessage({ message: text, type: 'error', duration: 6_000, showClose: true, ...PLACE })
}

export function toastError(error: unknown): void {
  toastText(errorText(error))
}

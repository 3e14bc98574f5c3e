/** Short messages where nobody types or presses: over the time line of the desk, over the transcript of the QA desk. */
import { ElMessage } from 'element-plus'
import { errorText } from './errors'

const place = () =>
  ({ placement: location.pathname.startsWith('/qa') ? 'bottom-left' : 'bottom-right', offset: 16, grouping: true, plain: true }) as const

export function toast(text: string): void {
  ElMessage({ message: text, type: 'success', duration: 2_500, ...place() })
}

/** A sentence of the service about something that went wrong. */
export function toastText(text: string): void {
  ElMessage({ message: text, type: 'error', duration: 6_000, showClose: true, ...place() })
}

/** Somebody else did something to this person's desk: it stays until it is closed. */
export function toastNotice(text: string): void {
  ElMessage({ message: text, type: 'warning', duration: 0, showClose: true, customClass: 'notice-of-supervisor', ...place() })
}

export function toastError(error: unknown): void {
  toastText(errorText(error))
}

/** An error as one sentence for the person in front: the service's own where it sent one. */
import { ApiError } from '@/api/client'
import { i18n } from '@/i18n'

const OWN = new Set(['timeout', 'unreachable', 'http_403', 'http_404', 'http_429', 'pbx_away', 'call_is_on'])

export function errorText(error: unknown): string {
  const { t, locale } = i18n.global
  if (!(error instanceof ApiError)) return t('error.other')
  // The service writes Chinese; for English readers ours comes first where we have one.
  if (error.message && locale.value === 'zh') return error.message
  for (const code of [error.code, `http_${error.status}`]) if (OWN.has(code)) return t(`error.${code}`)
  return error.message || t('error.other')
}

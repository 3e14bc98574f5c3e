/** Names of scopes and events in the reader's language; what this page does not know keeps the service's word. */
import { useI18n } from 'vue-i18n'

export function useTokens(): { scope: (code: string, own?: string) => string; kind: (code: string, own?: string) => string } {
  const { t, te } = useI18n()
  const said = (group: string, code: string, own: string): string => {
    const key = `admin.${group}.${code.replace(/\W/g, '_')}`
    return te(key) ? t(key) : own
  }
  return { scope: (code, own = code) => said('scopes', code, own), kind: (code, own = code) => said('kinds', code, own) }
}

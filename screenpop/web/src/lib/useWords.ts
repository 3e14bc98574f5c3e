import { useI18n } from 'vue-i18n'

export type CodeGroup = 'waybill' | 'complaint' | 'channel' | 'direction' | 'cause'

/** Codes of the service in words; what is no known code stands as it came. */
export function useWords() {
  const { t, te } = useI18n()

  function word(group: CodeGroup, code: string): string {
    const key = `codes.${group}.${code.replace(' ', '_')}`
    return /^[a-z_ ]+$/.test(code) && te(key) ? t(key) : code
  }

  /** A line such as `ivr · inbound · 投诉`: each part that is a code becomes its word. */
  function line(text: string): string {
    return text
      .split(' · ')
      .map((part) => {
        const channel = word('channel', part)
        return channel === part ? word('direction', part) : channel
      })
      .join(' · ')
  }

  return { word, line }
}

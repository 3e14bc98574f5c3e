import { useI18n } from 'vue-i18n'
import { useClock } from '@/stores/clock'
import { useMeta } from '@/stores/meta'
import { duration, fullTime, parseTime, relativeTime, type TimeWords } from './time'

/** Times in the words of the chosen language and the zone of the installation. */
export function useTime() {
  const { t } = useI18n()
  const clock = useClock()
  const meta = useMeta()

  const words: TimeWords = {
    get justNow() {
      return t('time.justNow')
    },
    get yesterday() {
      return t('time.yesterday')
    },
    minutesAgo: (n) => t('time.minutesAgo', { n }),
    hoursAgo: (n) => t('time.hoursAgo', { n }),
    inMinutes: (n) => t('time.inMinutes', { n }),
    inHours: (n) => t('time.inHours', { n }),
  }

  function relative(iso: string | null | undefined): string {
    const ms = parseTime(iso)
    return ms === null ? '' : relativeTime(ms, clock.now, meta.meta.timezone, words)
  }

  function full(iso: string | null | undefined): string {
    const ms = parseTime(iso)
    return ms === null ? '' : `${fullTime(ms, meta.meta.timezone)} ${t('time.zone')}`
  }

  /** The time of day to the second, where the day is known from beside it. */
  function second(iso: string | null | undefined): string {
    const ms = parseTime(iso)
    return ms === null ? '' : fullTime(ms, meta.meta.timezone).slice(-8)
  }

  /** How long ago, as a running clock. */
  function passed(iso: string | null | undefined): string {
    const ms = parseTime(iso)
    return ms === null ? '' : duration(clock.now - ms)
  }

  return { relative, full, second, passed, clock }
}

import { useI18n } from 'vue-i18n'
import type { Customer, Pop } from '@/api/types'

/** Who is calling, in one line, for every outcome of a look-up. */
export function useWho() {
  const { t } = useI18n()

  const customerName = (customer: Customer): string => customer.name || customer.company || customer.code

  function who(pop: Pop): string {
    if (pop.customer) return customerName(pop.customer)
    const { outcome, number, name } = pop.caller
    if (pop.caller.class === 'internal' || pop.call.direction === 'internal') {
      return name || t('pop.internalName', { number })
    }
    switch (outcome) {
      case 'many':
        return t('pop.manyName', { n: pop.candidates.length })
      case 'anonymous':
        return t('pop.hidden')
      case 'masked':
        return t('pop.maskedName')
      case 'service':
        return t('pop.service')
      case 'unavailable':
        return t('pop.unavailable')
      default:
        return t('pop.unregistered')
    }
  }

  /** The outcome of the match in one phrase. */
  function outcome(pop: Pop): string {
    const { outcome: result, rule } = pop.caller
    if (pop.customer && rule === 'waybill') return t('outcome.waybill')
    if (rule === 'suffix' && !pop.customer) return t('outcome.suffix')
    if (result === 'one') {
      if (rule === 'exact' || rule === '') return t('outcome.exact')
      if (rule === 'chosen') return t('outcome.chosen')
      return t('outcome.one', { rule })
    }
    if (result === 'many') {
      return pop.customer ? t('outcome.chosen') : t('outcome.many', { n: pop.candidates.length })
    }
    return t(`outcome.${result}`)
  }

  function closeReason(reason: string, by: string | undefined): string {
    const nobody = (reason === 'answered_elsewhere' || reason === 'transferred') && !by
    return t(nobody ? `close.${reason}_nobody` : `close.${reason}`, { by: by ?? '' })
  }

  return { who, outcome, customerName, closeReason }
}

/** One call under review: the detail as the service has it, what is being changed, the steps of the workflow. */
import { computed, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'
import { qaApi, type Action, type AddedIn, type Decision, type DecisionIn, type QaDetail } from '@/api/qa'
import { toast, toastError, toastText } from '@/lib/toast'

export function useReview(id: string) {
  const { t } = useI18n()
  const call = shallowRef<QaDetail | null>(null)
  const state = ref<'loading' | 'ready' | 'failed' | 'missing' | 'denied'>('loading')
  const failure = ref<unknown>(null)
  const busy = ref('')
  /** Decisions that the service has not yet: on their way. */
  const staged = ref<Record<string, Decision | null>>({})
  const comments = ref<Record<string, string>>({})
  let line: Promise<void> = Promise.resolve()
  let gone = false

  const can = (action: Action): boolean => call.value?.actions.includes(action) ?? false
  const editable = computed(() => can('review') || can('final'))
  const version = (): number => call.value?.review?.version ?? 1

  async function load(quiet = false): Promise<void> {
    if (!quiet) state.value = call.value ? 'ready' : 'loading'
    try {
      const found = await qaApi.detail(id)
      if (gone) return
      call.value = found
      state.value = 'ready'
    } catch (error) {
      if (quiet || gone) return
      failure.value = error
      const status = error instanceof ApiError ? error.status : 0
      state.value = status === 404 ? 'missing' : status === 403 ? 'denied' : 'failed'
    }
  }

  /** Steps go one after the other: each needs the version that the one before has made. */
  function step(name: string, act: () => Promise<QaDetail>, said = ''): Promise<boolean> {
    const done = line.then(async () => {
      busy.value = name
      try {
        call.value = await act()
        if (said) toast(said)
        return true
      } catch (error) {
        if (error instanceof ApiError && (error.code === 'stale' || error.code === 'conflict')) {
          toastText(error.code === 'stale' ? t('qa.review.stale') : error.message || t('qa.review.stale'))
          await load(true)
        } else toastError(error)
        return false
      } finally {
        busy.value = ''
      }
    })
    line = done.then(() => undefined)
    return done
  }

  function entries(only?: string): DecisionIn[] {
    return Object.entries(staged.value)
      .filter(([rule]) => only === undefined || rule === only)
      .map(([rule, decision]) => ({ rule, decision, comment: comments.value[rule] ?? '' }))
  }

  function drop(rule: string): void {
    staged.value = Object.fromEntries(Object.entries(staged.value).filter(([key]) => key !== rule))
  }

  /** A decision is kept at once; in the last instance (终审) as a draft that nobody else counts. */
  async function decide(rule: string, decision: Decision | null, comment?: string): Promise<void> {
    const before = call.value?.sheet.find((row) => row.rule === rule)?.decision
    comments.value = { ...comments.value, [rule]: comment ?? comments.value[rule] ?? before?.comment ?? '' }
    staged.value = { ...staged.value, [rule]: decision }
    if (!editable.value) return
    const decisions = entries(rule)
    await step('decide', () => qaApi.review(id, { version: version(), decisions, done: false }))
    // Whatever came of it, the sheet now shows what the service has.
    if (staged.value[rule] === decision) drop(rule)
  }

  const change = (body: { added?: AddedIn[]; remove_added?: number[]; comment?: string }, said = ''): Promise<boolean> =>
    step('change', () => qaApi.review(id, { version: version(), ...body, done: false }), said)

  const finish = (comment: string): Promise<boolean> =>
    step('review', () => qaApi.review(id, { version: version(), decisions: entries(), comment, done: true }), t('qa.review.saved'))

  const final = async (comment: string): Promise<boolean> => {
    const done = await step('final', () => qaApi.final(id, { version: version(), decisions: entries(), comment }), t('qa.done.final'))
    if (done) staged.value = {}
    return done
  }

  const leave = (): void => {
    gone = true
  }

  return { call, state, failure, busy, staged, editable, can, version, load, step, decide, change, finish, final, leave }
}

/** The service's answer to a question that is asked again and again: a newer question breaks the older one off. */
import { onBeforeUnmount, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { ApiError } from '@/api/client'
import { errorText } from './errors'

export function useLatest<T>(ask: (signal: AbortSignal) => Promise<T>): { found: ShallowRef<T | null>; failed: Ref<string>; load: () => Promise<void> } {
  const found = shallowRef<T | null>(null)
  const failed = ref('')
  let wanted: AbortController | null = null

  async function load(): Promise<void> {
    wanted?.abort()
    wanted = new AbortController()
    try {
      found.value = await ask(wanted.signal)
      failed.value = ''
    } catch (error) {
      if (error instanceof ApiError && error.code === 'aborted') return
      failed.value = errorText(error)
    }
  }
  onBeforeUnmount(() => wanted?.abort())
  return { found, failed, load }
}

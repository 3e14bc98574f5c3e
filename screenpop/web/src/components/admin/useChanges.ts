/** What an admin changes in a list: one thing at a time, asked for once more where it cannot be undone. */
import { ref, type Ref } from 'vue'
import { toastError } from '@/lib/toast'

/** `asked` is the name of the entry that waits for the second press; `reload` brings the list after each change. */
export function useChanges(reload: () => Promise<void>): { busy: Ref<boolean>; asked: Ref<string>; act: (work: () => Promise<unknown>) => Promise<void> } {
  const busy = ref(false)
  const asked = ref('')
  async function act(work: () => Promise<unknown>): Promise<void> {
    busy.value = true
    try {
      await work()
      asked.value = ''
      await reload()
    } catch (error) {
      toastError(error)
    } finally {
      busy.value = false
    }
  }
  return { busy, asked, act }
}

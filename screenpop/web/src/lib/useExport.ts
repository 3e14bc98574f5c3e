/** A file that the service makes, handed to the person; busy meanwhile, said when it is there. */
import { ref, type Ref } from 'vue'
import { toast, toastError } from './toast'

export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** The day of this machine's clock in UTC, for names of files. */
export const dated = (name: string, ending = 'xlsx'): string => `${name}-${new Date().toISOString().slice(0, 10)}.${ending}`

export function useExport(ask: () => Promise<Blob>, name: () => string, done: () => string): { exporting: Ref<boolean>; save: () => Promise<void> } {
  const exporting = ref(false)
  async function save(): Promise<void> {
    exporting.value = true
    try {
      saveFile(await ask(), name())
      toast(done())
    } catch (error) {
      toastError(error)
    } finally {
      exporting.value = false
    }
  }
  return { exporting, save }
}

/** Rules, agents, queues, inspectors and the engine: asked once per sign-in, shared by the pages of the desk. */
import { ref } from 'vue'
import { qaApi, type QaMeta } from '@/api/qa'
import { useSession } from '@/stores/session'

const meta = ref<QaMeta | null>(null)
let owner = ''
let asked: Promise<void> | null = null

export function useQaMeta() {
  const session = useSession()
  if (owner !== session.token) {
    owner = session.token
    meta.value = null
    asked = null
  }
  asked ??= qaApi
    .meta()
    .then((answer) => {
      meta.value = answer
    })
    .catch(() => {
      asked = null // the pages work without; the next page asks again
    })
  return meta
}

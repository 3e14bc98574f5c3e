/** Who is signed in here. The token is shared by the tabs of this browser and forgotten at sign-out. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, setToken, setUnauthorizedHandler } from '@/api/client'
import type { Role, User } from '@/api/types'
import { forget, load, save } from '@/lib/storage'

const KEY = 'laidian.session'

interface Kept {
  token: string
  expires_at: string
  agent: string
  user: User
}

export const useSession = defineStore('session', () => {
  const kept = ref<Kept | null>(null)
  /** Set when the service ended the sign-in, so that the sign-in page can say why it is there. */
  const ended = ref(false)

  const signedIn = computed(() => kept.value !== null)
  const user = computed(() => kept.value?.user ?? null)
  const agent = computed(() => kept.value?.agent ?? '')
  const token = computed(() => kept.value?.token ?? '')

  function has(...roles: Role[]): boolean {
    return roles.some((role) => kept.value?.user.roles.includes(role))
  }

  function take(value: Kept | null): void {
    kept.value = value
    setToken(value?.token ?? '')
  }

  function restore(): void {
    const found = load<Kept | null>(KEY, null)
    const fresh = found && Date.parse(found.expires_at) > Date.now()
    take(fresh ? found : null)
    if (found && !fresh) forget(KEY)
    setUnauthorizedHandler(() => end())
    // Signing in or out in one tab holds for all of them.
    window.addEventListener('storage', (event) => {
      if (event.key === KEY) take(load<Kept | null>(KEY, null))
    })
  }

  async function login(username: string, password: string): Promise<void> {
    const answer = await api.login(username, password)
    const { token: newToken, expires_at, agent: number, user: who } = answer
    take({ token: newToken, expires_at, agent: number, user: who })
    save(KEY, kept.value)
    ended.value = false
  }

  async function logout(): Promise<void> {
    await api.logout().catch(() => undefined) // signed out here in any case
    drop()
  }

  function end(): void {
    if (kept.value) ended.value = true
    drop()
  }

  function drop(): void {
    take(null)
    forget(KEY)
  }

  return { signedIn, ended, user, agent, token, has, restore, login, logout, end }
})

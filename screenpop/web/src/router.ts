import { createRouter, createWebHistory } from 'vue-router'
import { DESKS, mayUse } from './desks'
import { useSession } from './stores/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('./views/LoginView.vue'), meta: { open: true } },
    ...DESKS.map((desk) => ({ path: desk.path, name: desk.name, component: desk.view, meta: { desk: desk.name } })),
    { path: '/no-access', name: 'no-access', component: () => import('./views/NoAccessView.vue') },
    { path: '/:rest(.*)*', name: 'not-found', component: () => import('./views/NotFoundView.vue') },
  ],
})

// open to nearly everybody, and nobody's own
const SHARED = new Set(['customers', 'care', 'outreach'])

/** The first desk a person may use. */
export function homeOf(roles: Parameters<typeof mayUse>[1]): string {
  return DESKS.find((desk) => !SHARED.has(desk.name) && mayUse(desk, roles))?.name ?? 'customers'
}

router.beforeEach((to) => {
  const session = useSession()
  const roles = session.user?.roles ?? []
  if (!session.signedIn) {
    if (to.meta['open']) return true
    return { name: 'login', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  }
  if (to.name === 'login') return { name: homeOf(roles) }
  const desk = DESKS.find((d) => d.name === to.meta['desk'])
  if (!desk || mayUse(desk, roles)) return true
  // The front door leads everybody to their own desk; any other closed door says so.
  return to.name === 'desk' ? { name: homeOf(roles) } : { name: 'no-access' }
})

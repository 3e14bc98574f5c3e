/** The choices of a page are in its address: read one, change some; an empty one leaves. */
import { useRoute, useRouter, type RouteLocationNormalizedLoaded, type Router } from 'vue-router'
import { filled } from './filters'

export interface Address {
  route: RouteLocationNormalizedLoaded
  router: Router
  text: (name: string) => string
  go: (changes: Record<string, string>) => void
}

export function useAddress(): Address {
  const route = useRoute()
  const router = useRouter()
  const text = (name: string): string => (typeof route.query[name] === 'string' ? String(route.query[name]) : '')
  const go = (changes: Record<string, string>): void =>
    void router.replace({ params: route.params, query: filled({ ...(route.query as Record<string, string>), ...changes }) })
  return { route, router, text, go }
}

/** What this person likes: language, light or dark, sound. Kept in this browser. */
import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { load, save } from '@/lib/storage'

export type Theme = 'auto' | 'light' | 'dark'
export type Lang = 'zh' | 'en'

const KEY = 'laidian.prefs'

export const usePrefs = defineStore('prefs', () => {
  const kept = load<{ theme?: Theme; lang?: Lang; muted?: boolean }>(KEY, {})
  const theme = ref<Theme>(kept.theme ?? 'auto')
  const lang = ref<Lang>(kept.lang ?? 'zh')
  const muted = ref(kept.muted ?? false)

  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(system.matches)
  system.addEventListener('change', (event) => (systemDark.value = event.matches))
  const dark = computed(() => theme.value === 'dark' || (theme.value === 'auto' && systemDark.value))

  watch([theme, lang, muted], () => {
    save(KEY, { theme: theme.value, lang: lang.value, muted: muted.value })
  })
  watch(
    [dark, lang],
    () => {
      document.documentElement.classList.toggle('dark', dark.value)
      document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en'
    },
    { immediate: true },
  )

  return { theme, lang, muted, dark }
})

/** What the installation is like: words, queues, tiers. Loaded once after signing in. */
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { api } from '@/api/client'
import type { Meta } from '@/api/types'
import { tierRank } from '@/lib/tiers'

const BEFORE: Meta = {
  company: '',
  break_reasons: ['小休', '就餐', '会议', '培训'],
  dispositions: [],
  queues: [],
  tiers: { scheme: '', tiers: [] },
  timezone: 'Asia/Shanghai',
  wrapup_s: 15,
  complaint_categories: [],
  demo: false,
}

export const useMeta = defineStore('meta', () => {
  const meta = ref<Meta>(BEFORE)
  const loaded = ref(false)

  async function refresh(): Promise<void> {
    meta.value = { ...BEFORE, ...(await api.meta()) }
    loaded.value = true
  }

  const rank = (id: string): number => tierRank(meta.value.tiers.tiers, id)
  const queueLabel = (name: string): string => meta.value.queues.find((q) => q.name === name)?.label ?? name

  return { meta, loaded, refresh, rank, queueLabel }
})

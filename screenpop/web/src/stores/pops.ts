/** The cards of this agent: what the service sent, what was typed, what is on top. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, ApiError } from '@/api/client'
import type { Closed, CloseReason, Draft, Pop, PopChanges, StoredPop } from '@/api/types'
import {
  cardOf,
  changePop,
  closePop,
  emptyDeck,
  EMPTY_DRAFT,
  reconcile,
  removeCard,
  settle,
  show,
  takePop,
  type Card,
  type Deck,
} from '@/lib/deck'
import { draftIds, draftKeyOf, dropDraft, keepDraft, loadDraft, sweepDrafts } from '@/lib/drafts'

export const CLOSED_SHOWN_MS = 3_000
const SAVE_AFTER_MS = 600
const RECENT_MAX = 30

/** `away` is ours: the call ended while this page was not connected. */
export type ShownReason = CloseReason | 'away'
export type SaveState = 'saved' | 'saving' | 'local'

const without = <T>(record: Record<string, T>, id: string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key !== id))

export const usePops = defineStore('pops', () => {
  const deck = shallowRef<Deck>(emptyDeck())
  const recent = shallowRef<StoredPop[]>([])
  const recentState = ref<'idle' | 'loading' | 'ready' | 'failed'>('idle')
  const saving = ref<Record<string, SaveState>>({})
  const revealed = ref<Record<string, string>>({})
  /** Ids of cards that are closed because we were away. */
  const awayIds = new Set<string>()
  const unsent = ref<string[]>(draftIds())
  const dirty = new Set<string>()
  const timers = new Map<string, number>()
  let leaveTimers = new Map<string, number>()

  const active = computed<Card | null>(() => cardOf(deck.value, deck.value.active))
  const bars = computed<Card[]>(() =>
    deck.value.cards.filter((card) => card.pop.id !== deck.value.active && !card.review && (!card.closed || card.endedAsBar)),
  )
  const ringing = computed<Card[]>(() =>
    deck.value.cards.filter((card) => !card.closed && !card.review && card.pop.call.state === 'ringing'),
  )
  const inTalk = computed(() =>
    deck.value.cards.some(
      (card) => !card.closed && !card.review && ['talking', 'held'].includes(card.pop.call.state),
    ),
  )

  /** Is somebody in the note of the card on top, with something in it? Asked at the moment of a change. */
  function typing(): boolean {
    const field = document.activeElement
    return field instanceof HTMLTextAreaElement && field.dataset['holdsCard'] === 'yes' && field.value.trim() !== ''
  }

  function take(pop: Pop, serverDraft: Draft | null): void {
    deck.value = takePop(deck.value, pop, loadDraft(pop.id) ?? serverDraft, typing())
    cancelLeave(pop.id)
    awayIds.delete(pop.id)
  }

  function change(id: string, seq: number, changes: PopChanges): void {
    deck.value = changePop(deck.value, id, seq, changes)
  }

  function close(id: string, closed: Closed): void {
    const card = cardOf(deck.value, id)
    if (!card || card.closed) return
    deck.value = closePop(deck.value, id, closed)
    remember({ ...card.pop, closed })
    leaveSoon(id, card.submitted ? 0 : CLOSED_SHOWN_MS)
  }

  function leaveSoon(id: string, after: number): void {
    cancelLeave(id)
    leaveTimers.set(
      id,
      window.setTimeout(() => {
        leaveTimers.delete(id)
        // Somebody still types in it: it stays until they are done (Esc or "done").
        const handedIn = cardOf(deck.value, id)?.submitted ?? true
        if (deck.value.active === id && !handedIn && typing()) leaveSoon(id, CLOSED_SHOWN_MS)
        else remove(id)
      }, after),
    )
  }

  function cancelLeave(id: string): void {
    window.clearTimeout(leaveTimers.get(id))
    leaveTimers.delete(id)
  }

  function remove(id: string): void {
    cancelLeave(id)
    deck.value = removeCard(deck.value, id, false)
    // A number that was shown for this call is masked again afterwards.
    revealed.value = without(revealed.value, id)
    saving.value = without(saving.value, id)
  }

  function snapshot(pops: Pop[], drafts: Record<string, Draft>): void {
    const before = new Set(deck.value.cards.filter((card) => !card.closed && !card.review).map((c) => c.pop.id))
    for (const pop of pops) before.delete(pop.id)
    const gone: Closed = { reason: 'lost', at: new Date().toISOString() }
    for (const id of before) awayIds.add(id)
    deck.value = reconcile(deck.value, pops, gone)
    for (const id of before) leaveSoon(id, CLOSED_SHOWN_MS)
    for (const pop of pops) take(pop, drafts[pop.id] ?? null)
    flush()
  }

  function shownReason(card: Card): ShownReason | null {
    if (!card.closed) return null
    return awayIds.has(card.pop.id) ? 'away' : card.closed.reason
  }

  function activate(id: string): void {
    flush()
    deck.value = show(deck.value, id)
  }

  /** The agent took this call: it comes up, unless somebody types or talks on the one that is there. */
  function answered(id: string): void {
    const present = active.value
    const free = !present || present.closed || !['talking', 'held'].includes(present.pop.call.state)
    if (deck.value.active !== id && free && !typing()) deck.value = show(deck.value, id)
  }

  function setDraft(id: string, draft: Draft): void {
    const cards = deck.value.cards.map((card) => (card.pop.id === id ? { ...card, draft } : card))
    deck.value = { ...deck.value, cards }
    keepDraft(id, draft)
    unsent.value = draftIds()
    dirty.add(id)
    saving.value = { ...saving.value, [id]: 'saving' }
    window.clearTimeout(timers.get(id))
    timers.set(
      id,
      window.setTimeout(() => void sendDraft(id), SAVE_AFTER_MS),
    )
  }

  async function sendDraft(id: string, keepalive = false): Promise<void> {
    const draft = loadDraft(id)
    if (!draft) return
    window.clearTimeout(timers.get(id))
    dirty.delete(id)
    try {
      await api.saveDraft(id, draft, keepalive)
      if (!dirty.has(id)) saving.value = { ...saving.value, [id]: 'saved' }
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        saving.value = { ...saving.value, [id]: 'local' }
        return // the service will not take it; the copy in this browser remains
      }
      dirty.add(id)
      saving.value = { ...saving.value, [id]: 'local' }
    }
  }

  /** Send what the service does not have yet: after a reconnect, on leaving, on switching. */
  function flush(keepalive = false): void {
    for (const id of [...dirty]) void sendDraft(id, keepalive)
  }

  /** Hands the note in. Throws ApiError; the draft is kept until the service has said yes. */
  async function submit(id: string): Promise<void> {
    const card = cardOf(deck.value, id)
    if (!card) return
    markSubmitted(id, true) // before the answer: the news that the pop is closed may be faster
    window.clearTimeout(timers.get(id))
    try {
      await api.wrapup(id, card.draft, card.pop.customer?.id)
    } catch (error) {
      markSubmitted(id, false)
      throw error
    }
    dirty.delete(id)
    dropDraft(id)
    unsent.value = draftIds()
    if (card.closed || card.review) remove(id)
  }

  function markSubmitted(id: string, submitted: boolean): void {
    const cards = deck.value.cards.map((c) => (c.pop.id === id ? { ...c, submitted } : c))
    deck.value = { ...deck.value, cards }
  }

  async function choose(id: string, customerId: number): Promise<void> {
    const answer = await api.choose(id, customerId)
    const pop = 'pop' in answer ? answer.pop : answer
    // The same news also comes by the socket; whichever has the higher seq stands.
    deck.value = takePop(deck.value, pop, null, typing())
  }

  async function reveal(id: string): Promise<void> {
    const { number } = await api.reveal('pop', id)
    revealed.value = { ...revealed.value, [id]: number }
  }

  function remember(pop: StoredPop): void {
    recent.value = [pop, ...recent.value.filter((p) => p.id !== pop.id)].slice(0, RECENT_MAX)
  }

  async function loadRecent(): Promise<void> {
    if (recentState.value !== 'ready') recentState.value = 'loading'
    try {
      const { items } = await api.pops()
      recent.value = items
        .filter((pop) => pop.closed)
        .sort((a, b) => b.call.offered_at.localeCompare(a.call.offered_at))
        .slice(0, RECENT_MAX)
      recentState.value = 'ready'
    } catch {
      recentState.value = recent.value.length ? 'ready' : 'failed'
    }
  }

  /** Open an earlier call to read it or to finish its note; a live call still comes up over it. */
  async function review(stored: StoredPop): Promise<void> {
    if (cardOf(deck.value, stored.id)) return activate(stored.id)
    const draft = loadDraft(stored.id) ?? (await api.pop(stored.id).catch(() => null))?.draft ?? EMPTY_DRAFT
    const card: Card = { pop: stored, draft, closed: stored.closed, review: true, submitted: false }
    const others = deck.value.cards.filter((c) => !c.review)
    deck.value = { cards: [...others, card], active: stored.id }
  }

  function leaveReview(): void {
    const card = active.value
    if (card && (card.review || card.closed)) remove(card.pop.id)
  }

  function onStorage(event: StorageEvent): void {
    const id = draftKeyOf(event.key)
    const card = id === null ? null : cardOf(deck.value, id)
    if (!id || !card || dirty.has(id)) return
    const draft = loadDraft(id)
    if (!draft) return
    const cards = deck.value.cards.map((c) => (c.pop.id === id ? { ...c, draft } : c))
    deck.value = { ...deck.value, cards }
  }

  function reset(): void {
    flush(true)
    for (const timer of leaveTimers.values()) window.clearTimeout(timer)
    leaveTimers = new Map()
    deck.value = emptyDeck()
    recent.value = []
    recentState.value = 'idle'
    revealed.value = {}
  }

  sweepDrafts()
  window.addEventListener('storage', onStorage)
  window.addEventListener('pagehide', () => flush(true))

  return {
    deck,
    active,
    bars,
    ringing,
    inTalk,
    recent,
    recentState,
    saving,
    revealed,
    unsent,
    take,
    change,
    close,
    remove,
    snapshot,
    shownReason,
    activate,
    answered,
    setDraft,
    flush,
    submit,
    choose,
    reveal,
    loadRecent,
    review,
    leaveReview,
    reset,
    settleNow: () => (deck.value = settle(deck.value, typing())),
  }
})

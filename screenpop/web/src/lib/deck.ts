/**
 * The deck: which cards there are, which one lies on top, and when one leaves. Pure, so that its rules
 * can be read and tested alone:
 * a new call never covers a card that is in use; the waiting ones are bars; a closed card says why and leaves,
 * unless somebody is typing in it.
 */
import type { Closed, Draft, Pop, PopChanges } from '@/api/types'

export interface Card {
  pop: Pop
  draft: Draft
  closed: Closed | null
  /** Opened from the list of recent calls: never live, left by hand. */
  review: boolean
  /** It was waiting as a bar when it ended: the bar says why. A card that was on top leaves silently when
   * the next call takes its place; the list of recent calls tells the reason. */
  endedAsBar?: boolean
  /** The agent pressed "done" here. */
  submitted: boolean
}

export interface Deck {
  cards: Card[]
  active: string | null
}

export const EMPTY_DRAFT: Draft = { note: '', disposition: '' }

export const emptyDeck = (): Deck => ({ cards: [], active: null })

export const cardOf = (deck: Deck, id: string | null): Card | null =>
  deck.cards.find((card) => card.pop.id === id) ?? null

const live = (card: Card): boolean => card.closed === null && !card.review

/** Add or replace a pop. Older news (a smaller seq) than what is shown is dropped. */
export function takePop(deck: Deck, pop: Pop, draft: Draft | null, typing: boolean): Deck {
  const known = cardOf(deck, pop.id)
  if (known && known.pop.seq > pop.seq) return deck
  if (known) {
    const cards = deck.cards.map((card) =>
      card === known ? { ...card, pop, closed: null, review: false, endedAsBar: false } : card,
    )
    return settle({ ...deck, cards }, typing)
  }
  const card: Card = { pop, draft: draft ?? EMPTY_DRAFT, closed: null, review: false, submitted: false }
  return settle({ ...deck, cards: [...deck.cards, card] }, typing)
}

export function changePop(deck: Deck, id: string, seq: number, changes: PopChanges): Deck {
  const cards = deck.cards.map((card) => {
    if (card.pop.id !== id || card.pop.seq >= seq) return card
    return { ...card, pop: { ...card.pop, ...changes, seq } }
  })
  return { ...deck, cards }
}

export function closePop(deck: Deck, id: string, closed: Closed): Deck {
  const cards = deck.cards.map((card) => (card.pop.id === id && !card.closed ? { ...card, closed, endedAsBar: deck.active !== id } : card))
  return { ...deck, cards }
}

export function removeCard(deck: Deck, id: string, typing = false): Deck {
  const cards = deck.cards.filter((card) => card.pop.id !== id)
  return settle({ cards, active: deck.active === id ? null : deck.active }, typing)
}

/** Make a card the one on top; a review card that was there goes. */
export function show(deck: Deck, id: string): Deck {
  if (!cardOf(deck, id)) return deck
  const cards = deck.cards.filter((card) => !card.review || card.pop.id === id)
  return { cards, active: id }
}

/**
 * Choose the card on top where nobody chose: the present one stays while it lives or while somebody types
 * in it; else the oldest live call comes up, those in talk before those that ring.
 */
export function settle(deck: Deck, typing: boolean): Deck {
  const present = cardOf(deck, deck.active)
  if (present && (live(present) || typing)) return deck
  const waiting = deck.cards.filter(live)
  const next = waiting.find((card) => card.pop.call.state !== 'ringing') ?? waiting[0]
  if (next) return show(deck, next.pop.id)
  return present ? deck : { ...deck, active: deck.cards[0]?.pop.id ?? null }
}

/** After a reconnect: what the service no longer has is closed, what it has is taken over. */
export function reconcile(deck: Deck, snapshot: Pop[], gone: Closed): Deck {
  const ids = new Set(snapshot.map((pop) => pop.id))
  const cards = deck.cards.map((card) => {
    if (card.review || card.closed || ids.has(card.pop.id)) return card
    return { ...card, closed: gone }
  })
  return { ...deck, cards }
}

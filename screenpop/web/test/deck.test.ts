import { describe, expect, it } from 'vitest'
import type { CallState, Pop } from '@/api/types'
import {
  cardOf,
  changePop,
  closePop,
  emptyDeck,
  reconcile,
  removeCard,
  settle,
  show,
  takePop,
  type Deck,
} from '@/lib/deck'

function pop(id: string, state: CallState = 'ringing', seq = 1): Pop {
  return {
    type: 'pop',
    id,
    seq,
    call: { node: 'n', linkedid: id, queue: '', did: '', direction: 'inbound', state, offered_at: '2025-01-01T00:00:00Z' },
    caller: { number: '', display: '', class: 'mobile', outcome: 'none', rule: '', place: '' },
    customer: null,
    candidates: [],
    context: {},
    history: { complaints: [], waybills: [], contacts: [] },
    hints: { greeting: '', alerts: [] },
  }
}

const AT = { reason: 'answered_elsewhere', by: '1023', at: '2025-01-01T00:00:05Z' } as const
const deckOf = (...pops: Pop[]): Deck => pops.reduce((deck, p) => takePop(deck, p, null, false), emptyDeck())

describe('the deck of cards', () => {
  it('puts the first call on top and lets the second one wait', () => {
    const deck = deckOf(pop('a'), pop('b'))
    expect(deck.active).toBe('a')
    expect(deck.cards.map((card) => card.pop.id)).toEqual(['a', 'b'])
  })

  it('keeps a closed card while somebody types in it, even when a new call rings', () => {
    const closed = closePop(deckOf(pop('a')), 'a', AT)
    expect(takePop(closed, pop('b'), null, true).active).toBe('a')
    expect(takePop(closed, pop('b'), null, false).active).toBe('b')
  })

  it('brings up the call in talk before one that only rings', () => {
    const deck = removeCard(deckOf(pop('a'), pop('b'), pop('c', 'talking')), 'a')
    expect(deck.active).toBe('c')
  })

  it('ignores news that is older than what it shows', () => {
    const deck = changePop(deckOf(pop('a', 'ringing', 5)), 'a', 4, { call: pop('a', 'talking').call })
    expect(cardOf(deck, 'a')?.pop.call.state).toBe('ringing')
    expect(takePop(deck, pop('a', 'talking', 3), null, false)).toBe(deck)
  })

  it('changes only the parts that came and remembers their number', () => {
    const deck = changePop(deckOf(pop('a')), 'a', 7, { context: { waybill: 'X' } })
    expect(cardOf(deck, 'a')?.pop).toMatchObject({ seq: 7, context: { waybill: 'X' }, call: { state: 'ringing' } })
  })

  it('closes once: the first reason stands', () => {
    const deck = closePop(closePop(deckOf(pop('a')), 'a', AT), 'a', { reason: 'abandoned', at: AT.at })
    expect(cardOf(deck, 'a')?.closed?.reason).toBe('answered_elsewhere')
  })

  it('closes after a reconnect what the service no longer has, and nothing else', () => {
    const deck = reconcile(deckOf(pop('a'), pop('b')), [pop('b')], { reason: 'lost', at: AT.at })
    expect(cardOf(deck, 'a')?.closed?.reason).toBe('lost')
    expect(cardOf(deck, 'b')?.closed).toBeNull()
  })

  it('leaves a review card for a live call unless somebody types', () => {
    const review: Deck = {
      cards: [{ pop: pop('old'), draft: { note: '', disposition: '' }, closed: AT, review: true, submitted: false }],
      active: 'old',
    }
    expect(takePop(review, pop('new'), null, false)).toMatchObject({ active: 'new', cards: [{ pop: { id: 'new' } }] })
    expect(takePop(review, pop('new'), null, true).active).toBe('old')
  })

  it('does not choose again while the card on top lives', () => {
    const deck = show(deckOf(pop('a'), pop('b', 'talking')), 'a')
    expect(settle(deck, false).active).toBe('a')
  })

  it('is empty again when the last card goes', () => {
    expect(removeCard(deckOf(pop('a')), 'a')).toEqual({ cards: [], active: null })
  })
})

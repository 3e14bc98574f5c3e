/** What can happen to an agent, by name. Each gets the world and does things to it. */
import { CUSTOMERS, EMPTY_HISTORY, HISTORY, mask, META, NUMBERS, placeOf } from './data.mjs'

const now = () => new Date().toISOString()
const later = (s) => new Date(Date.now() + s * 1000).toISOString()

/** A pop for a caller; `over` replaces whole parts. */
export function makePop(world, { customer = null, outcome = 'one', rule = 'exact', number, ...over } = {}) {
  const id = `pop-${++world.count}`
  const digits = number ?? NUMBERS[customer?.id] ?? '15012340000'
  const name = customer ? customer.name.slice(0, customer.name.startsWith('欧阳') ? 2 : 1) + customer.title : ''
  return {
    type: 'pop', id, seq: ++world.seq,
    call: {
      node: 'pbx1', linkedid: `${Date.now()}.${world.count}`, queue: 'vip', queue_label: 'VIP 专席', did: '95000',
      direction: 'inbound', state: 'ringing', offered_at: now(), answered_at: null, wrapup_at: null,
      wrapup_until: null, recovered: false, chain: [],
    },
    caller: {
      number: mask(digits), display: mask(digits), name: '', class: 'mobile', outcome, rule,
      place: placeOf(customer?.id) || '河北 唐山', extension: '', maybe_virtual: false, masked: true,
    },
    customer, candidates: [], context: {}, history: EMPTY_HISTORY,
    hints: {
      greeting: name ? `${name}，您好，请问有什么可以帮助您？` : '您好，请问有什么可以帮助您？',
      alerts: [],
    },
    ...over,
  }
}

const change = (world, pop, changes) => {
  Object.assign(pop, changes)
  pop.seq = ++world.seq
  world.send({ type: 'pop_update', id: pop.id, seq: pop.seq, changes })
}
const last = (world) => [...world.open.values()].at(-1)
const setState = (world, state, reason = '') => {
  Object.assign(world.status, { state, reason, since: now() })
  world.sendState()
}

export const SCENARIOS = {
  ring(world) {
    const pop = makePop(world, {
      customer: CUSTOMERS[0],
      context: { path: '查件>输入运单>转人工', waybill: 'LD1002003001', ivr_s: '32', wait_s: '45' },
      history: HISTORY,
      hints: {
        greeting: '王先生，您好！您的运单正在派送中，请问有什么可以帮助您？',
        alerts: ['投诉超时未答复'],
      },
    })
    world.ring(pop)
  },
  many(world) {
    const pop = makePop(world, { outcome: 'many', number: NUMBERS[2], candidates: [CUSTOMERS[1], CUSTOMERS[2]] })
    pop.caller.place = placeOf(2)
    world.ring(pop)
  },
  suffix(world) {
    world.ring(makePop(world, { outcome: 'none', rule: 'suffix', number: '075586013388', candidates: [CUSTOMERS[3]] }))
  },
  unregistered(world) {
    world.ring(makePop(world, { outcome: 'none', rule: '', number: '15012340000' }))
  },
  anonymous(world) {
    const pop = makePop(world, { outcome: 'anonymous', rule: '' })
    pop.caller = { ...pop.caller, number: '', display: '', class: 'anonymous', place: '', masked: false }
    world.ring(pop)
  },
  masked(world) {
    const pop = makePop(world, { outcome: 'masked', rule: '' })
    pop.caller = { ...pop.caller, number: '138****8000', display: '138****8000', class: 'masked', place: '' }
    world.ring(pop)
  },
  service(world) {
    const pop = makePop(world, { outcome: 'service', rule: '' })
    pop.caller = { ...pop.caller, number: '95338', display: '95338', class: 'service', place: '', masked: false }
    world.ring(pop)
  },
  virtual(world) {
    const pop = makePop(world, { outcome: 'none', rule: '', number: '17012340000' })
    pop.caller = { ...pop.caller, maybe_virtual: true }
    world.ring(pop)
  },
  unavailable(world) {
    world.ring(makePop(world, { outcome: 'unavailable', rule: '', number: NUMBERS[5] }))
  },
  /** The late answer of the look-up. */
  complete(world) {
    const pop = last(world)
    if (!pop) return
    const full = makePop(world, { customer: CUSTOMERS[4], history: { ...EMPTY_HISTORY, waybills: HISTORY.waybills.slice(0, 2) } })
    change(world, pop, { caller: full.caller, customer: full.customer, history: full.history, hints: full.hints })
  },
  project(world) {
    const pop = makePop(world, { customer: CUSTOMERS[3], history: { ...EMPTY_HISTORY, waybills: HISTORY.waybills.slice(2) } })
    pop.call.chain = [{ at: now(), kind: 'attended', agent: '1009', peer: '1001' }]
    world.ring(pop)
  },
  second(world) {
    world.ring(makePop(world, { customer: CUSTOMERS[4], history: { ...EMPTY_HISTORY, waybills: HISTORY.waybills.slice(0, 2) } }))
  },
  consult(world) {
    const pop = makePop(world, { customer: CUSTOMERS[0], history: HISTORY })
    pop.call = { ...pop.call, consult: true, peer: '1009' }
    world.ring(pop)
  },
  nasty(world) {
    const pop = makePop(world, {
      customer: { ...CUSTOMERS[1], name: '<img src=x onerror=alert(1)>'.repeat(8), company: '"><script>alert(1)</script>' },
      context: { path: '<b>查件</b>>' + 'x'.repeat(5000), waybill: '<i>1</i>', k: 'v'.repeat(500) },
      history: HISTORY,
    })
    world.ring(pop)
  },
  answer(world) {
    const pop = last(world)
    if (!pop) return
    change(world, pop, { call: { ...pop.call, state: 'talking', answered_at: now() } })
    setState(world, 'busy')
  },
  hold(world) {
    const pop = last(world)
    if (pop) change(world, pop, { call: { ...pop.call, state: 'held' } })
  },
  hangup(world) {
    const pop = [...world.open.values()].find((p) => ['talking', 'held'].includes(p.call.state))
    if (!pop) return
    change(world, pop, { call: { ...pop.call, state: 'wrapup', wrapup_at: now(), wrapup_until: later(META.wrapup_s) } })
    setState(world, 'paused', '话后处理')
  },
  elsewhere: (world) => world.close(last(world)?.id, 'answered_elsewhere', '1023'),
  noanswer: (world) => world.close(last(world)?.id, 'no_answer'),
  abandoned: (world) => world.close(last(world)?.id, 'abandoned'),
  /** Cut every socket; the page comes back by itself. */
  reconnect: (world) => world.cut(1001),
  /** Refuse connections until `up`: the page keeps the card and says what it does. */
  down(world) {
    world.refusing = true
    world.cut(1001)
  },
  up(world) {
    world.refusing = false
  },
  /** The call ends while the page is away. */
  away(world) {
    world.open.clear()
    world.cut(1001)
  },
  toomany: (world) => world.cut(4009),
  expire: (world) => world.cut(4003),
  silent(world) {
    world.silent = !world.silent
  },
  pbxdown(world) {
    world.status.pbx = 'down'
    world.status.gaps = [{ node: 'pbx1', since: now(), until: null }]
    world.sendState()
  },
  pbxup(world) {
    world.status.pbx = 'up'
    world.status.gaps = [{ node: 'pbx1', since: new Date(Date.now() - 12_000).toISOString(), until: now() }]
    world.sendState()
  },
  offline: (world) => setState(world, 'offline'),
  idle: (world) => setState(world, 'available'),
  reset(world) {
    world.open.clear()
    world.drafts = {}
    world.closed = []
    world.acks = []
    world.requests = []
    world.refusing = false
    world.silent = false
    world.status.pbx = 'up'
    world.status.gaps = []
    setState(world, 'available')
  },
}

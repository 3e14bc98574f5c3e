#!/usr/bin/env node
/**
 * A service of our own making that speaks the contract on a real socket: for working on the pages without
 * Asterisk, and for tests of the pages alone.
 *
 *   npm run build && npm run mock            serves dist/ and the API on http://127.0.0.1:8080
 *   npm run mock  (and)  npm run dev         the same API behind Vite's dev server
 *
 * Sign in with 1001 / 1001 (agent) or boss / boss (supervisor). Scenarios: type a name and Enter, or
 * POST /dev/NAME. Options: --port N (0: any; the address is printed).
 */
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { CUSTOMERS, HISTORY, mask, META, NUMBERS, timelineOf, waybillDetail, WAYBILLS } from './data.mjs'
import { SCENARIOS } from './scenarios.mjs'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const portAt = process.argv.indexOf('--port')
const PORT = portAt > 0 ? Number(process.argv[portAt + 1]) : 8080
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const USERS = {
  1001: { agent: '1001', user: { username: '1001', name: '演示座席', roles: ['agent'] } },
  boss: { agent: '', user: { username: 'boss', name: '演示班长', roles: ['supervisor'] } },
  qa: { agent: '', user: { username: 'qa', name: '演示质检', roles: ['qa_lead'] } },
}
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
}
const now = () => new Date().toISOString()

const world = {
  count: 0, seq: 0, refusing: false, silent: false,
  open: new Map(), closed: [], drafts: {}, acks: [], sockets: new Set(), requests: [],
  status: {
    state: 'available', reason: '', since: now(), pbx: 'up', gaps: [],
    queues: [
      { name: 'hotline', label: '普通热线', waiting: 4, longest_s: 72 },
      { name: 'vip', label: 'VIP 专席', waiting: 0, longest_s: 0 },
      { name: 'complaint', label: '投诉理赔', waiting: 1, longest_s: 18 },
    ],
  },
  send(message) {
    if (world.silent) return
    for (const ws of world.sockets) ws.send(JSON.stringify(message))
  },
  sendState: () => world.send({ type: 'state', ...world.status }),
  ring(pop) {
    world.open.set(pop.id, pop)
    world.send(pop)
    if (world.status.state === 'available') {
      Object.assign(world.status, { state: 'ringing', since: now() })
      world.sendState()
    }
  },
  close(id, reason, by) {
    const pop = world.open.get(id)
    if (!pop) return
    world.open.delete(id)
    const closed = { reason, at: now(), ...(by ? { by } : {}) }
    world.closed.unshift({ ...pop, closed })
    world.send({ type: 'pop_close', id, seq: ++world.seq, ...closed })
    if (!world.open.size) {
      Object.assign(world.status, { state: 'available', reason: '', since: now() })
      world.sendState()
    }
  },
  cut(code) {
    for (const ws of world.sockets) ws.close(code)
    world.sockets.clear()
  },
}

const fail = (status, code, message) => ({ status, body: { error: { code, message } } })
const ok = (body, status = 200) => ({ status, body })

function ledger(agent) {
  const items = Array.from({ length: 40 }, (_, i) => {
    const at = Date.now() - i * 97_000
    const lookup = 1.4 + (i % 7) * 0.9
    const push = 0.6 + (i % 5) * 0.4
    const ack = i % 11 === 3 ? null : 9 + ((i * 7) % 23)
    const time = (ms) => new Date(at + ms).toISOString()
    return {
      id: `l${i}`, node: 'pbx1', linkedid: String(at), agent: ['1001', '1007', '1012', '1023'][i % 4],
      queue: ['hotline', 'vip', 'complaint'][i % 3], number: mask(Object.values(NUMBERS)[i % 5]),
      outcome: ['one', 'one', 'none', 'many', 'anonymous', 'unavailable'][i % 6], pbx_at: time(0),
      received_at: time(1), looked_up_at: time(2), pushed_at: time(3), acked_at: ack === null ? null : time(20),
      answered_at: null, closed_at: i ? time(90_000) : null,
      final: i ? ['completed', 'answered_elsewhere', 'no_answer', 'abandoned'][i % 4] : '',
      by: i % 4 === 1 ? '1023' : '', lookup_ms: lookup, push_ms: push, ack_ms: ack,
      total_ms: ack === null ? null : lookup + push + ack, recovered: i === 9,
    }
  }).filter((row) => !agent || row.agent === agent)
  return { items, gaps: [{ node: 'pbx1', since: new Date(Date.now() - 7_200_000).toISOString(), until: new Date(Date.now() - 7_188_000).toISOString(), reason: 'connection lost' }] }
}

function search(q) {
  const found = CUSTOMERS.filter((c) => c.name.includes(q) || c.company.includes(q) || NUMBERS[c.id].includes(q) || c.code.includes(q))
  const items = found.map((customer) => ({ kind: 'customer', customer, waybill: null, matched: /^\d+$/.test(q) ? 'number' : 'name' }))
  for (const waybill of WAYBILLS.filter((w) => w.number.includes(q.toUpperCase()))) {
    items.push({ kind: 'waybill', customer: CUSTOMERS[0], waybill, matched: 'waybill' })
  }
  return items
}

function api(method, path, query, body, who) {
  const route = `${method} ${path}`
  if (route === 'POST /login') {
    const user = USERS[body.username]
    if (!user || body.password !== body.username) return fail(401, 'bad_credentials', '用户名或密码不正确。')
    return ok({ token: `token-${body.username}`, expires_at: new Date(Date.now() + 3.6e7).toISOString(), version: 1, ...user })
  }
  if (!who) return fail(401, 'unauthorized', '请重新登录。')
  if (route === 'POST /logout') return ok({})
  if (route === 'GET /meta') return ok(META)
  if (route === 'GET /me') return ok({ ...who.user, agent: who.agent })
  if (route === 'PUT /agent/state') {
    if (world.status.pbx === 'down') return fail(503, 'pbx_away', '与交换机断开，暂时不能改变状态，恢复后请重试。')
    Object.assign(world.status, { state: body.state, reason: body.reason ?? '', since: now() })
    setTimeout(() => world.sendState(), 150)
    return ok({ state: body.state }, 202)
  }
  if (route === 'GET /search') return ok({ items: search(query.get('q') ?? '') })
  if (route === 'GET /ledger') {
    if (!who.user.roles.includes('supervisor')) return fail(403, 'forbidden', '只有班长可以看弹屏台账。')
    return ok(ledger(query.get('agent')))
  }
  if (route === 'POST /reveal') return ok({ number: NUMBERS[1] })
  if (route === 'POST /complaints') return ok({ id: 4100 + world.seq }, 201)
  if (route === 'GET /pops') return ok({ items: [...[...world.open.values()].map((p) => ({ ...p, closed: null })), ...world.closed], drafts: world.drafts })
  let match = /^\/customers\/(\d+)(\/timeline)?$/.exec(path)
  if (method === 'GET' && match) {
    const customer = CUSTOMERS.find((c) => c.id === Number(match[1]))
    if (!customer) return fail(404, 'not_found', '没有这位客户，可能已被删除。')
    if (match[2]) return ok({ items: query.get('before') ? [] : timelineOf() })
    return ok({ customer, numbers: [{ display: mask(NUMBERS[customer.id]), label: '手机', key_masked: true, number_id: customer.id }], history: HISTORY })
  }
  match = /^\/waybills\/(.+)$/.exec(path)
  if (method === 'GET' && match) {
    const waybill = waybillDetail(decodeURIComponent(match[1]))
    return waybill ? ok({ waybill }) : fail(404, 'not_found', '没有这个运单，请核对号码。')
  }
  match = /^\/pops\/([^/]+)(\/draft|\/wrapup|\/choose)?$/.exec(path)
  if (match) {
    const pop = world.open.get(match[1]) ?? world.closed.find((p) => p.id === match[1])
    if (!pop) return fail(404, 'not_found', '没有这次来电。')
    if (match[2] === '/draft') return ok((world.drafts[pop.id] = { note: body.note, disposition: body.disposition }))
    if (match[2] === '/wrapup') {
      if (['talking', 'held', 'ringing'].includes(pop.call.state) && world.open.has(pop.id)) {
        return fail(409, 'call_is_on', '通话还未结束，挂机后再提交。')
      }
      world.drafts = Object.fromEntries(Object.entries(world.drafts).filter(([key]) => key !== pop.id))
      setTimeout(() => world.close(pop.id, 'completed'), 30)
      return ok({ id: pop.id, reason: 'completed' }, 202)
    }
    if (match[2] === '/choose') {
      const customer = pop.candidates.find((c) => c.id === body.customer_id)
      if (!customer) return fail(400, 'bad_customer', '请选择列出的客户之一。')
      const changes = {
        customer, candidates: [], history: HISTORY,
        hints: { greeting: `${customer.name[0]}${customer.title}，您好，请问有什么可以帮助您？`, alerts: [] },
      }
      Object.assign(pop, changes, { seq: ++world.seq })
      world.send({ type: 'pop_update', id: pop.id, seq: pop.seq, changes })
      return ok(pop)
    }
    return ok({ pop, draft: world.drafts[pop.id] ?? null, closed: pop.closed ?? null })
  }
  return fail(404, 'not_found', '没有这个接口。')
}

async function file(path) {
  const inside = normalize(join(DIST, path))
  const named = inside.startsWith(DIST) && extname(inside) ? inside : join(DIST, 'index.html')
  return { data: await readFile(named), type: TYPES[extname(named)] ?? 'application/octet-stream' }
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  let text = ''
  for await (const chunk of request) text += chunk
  if (url.pathname.startsWith('/dev/')) {
    const name = url.pathname.slice(5)
    if (name === 'world') {
      response.end(JSON.stringify({ acks: world.acks, drafts: world.drafts, requests: world.requests, sockets: world.sockets.size }))
      return
    }
    SCENARIOS[name]?.(world)
    response.writeHead(SCENARIOS[name] ? 204 : 404).end()
    return
  }
  if (url.pathname.startsWith('/api/v1')) {
    if (world.refusing) return response.destroy()
    const token = (request.headers.authorization ?? '').replace('Bearer token-', '')
    const path = url.pathname.slice(7)
    world.requests.push(`${request.method} ${path}`)
    const answer = api(request.method, path, url.searchParams, text ? JSON.parse(text) : {}, USERS[token])
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer.body))
    return
  }
  try {
    const { data, type } = await file(url.pathname)
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': CSP }).end(data)
  } catch {
    response.writeHead(404).end('npm run build first')
  }
})

const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false })
server.on('upgrade', (request, socket, head) => {
  if (world.refusing || request.url !== '/ws/agent') return socket.destroy()
  wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws))
})
wss.on('connection', (ws) => {
  const late = setTimeout(() => ws.close(4001), 10_000)
  ws.on('close', () => world.sockets.delete(ws))
  ws.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.type === 'auth') {
      clearTimeout(late)
      const who = USERS[String(message.token).replace('token-', '')]
      if (!who?.agent) return ws.close(4003)
      world.sockets.add(ws)
      ws.send(JSON.stringify({
        type: 'ready', version: 1, agent: who.agent, user: who.user, state: world.status,
        snapshot: [...world.open.values()], drafts: world.drafts, server_time: now(),
      }))
    } else if (world.silent) {
      return
    } else if (message.type === 'ping') {
      ws.send(JSON.stringify({ type: 'pong', server_time: now() }))
    } else if (message.type === 'ack') {
      world.acks.push(message.id)
    }
  })
})

server.listen(PORT, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
  console.log(`scenarios: ${Object.keys(SCENARIOS).join(' ')}`)
})

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const scenario = SCENARIOS[line.trim()]
  if (scenario) scenario(world)
  else if (line.trim()) console.log(`no scenario ${line.trim()}`)
})

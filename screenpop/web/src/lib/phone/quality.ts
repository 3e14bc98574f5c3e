/** What getStats tells, made into a few figures: of the last seconds for the signs, of the whole leg for the books. */

/** The counters of one moment. Times in ms, shares 0–1; null: the browser does not tell. */
export interface Sample {
  at: number
  received: number
  lost: number
  jitterMs: number | null
  rttMs: number | null
  /** Share that did not arrive at the other side, of its last report. */
  lossOut: number | null
  /** Rises with every sound in the microphone; null without one. */
  energy: number | null
  codec: string
}

type Report = Iterable<[string, Record<string, unknown>]>
const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)
const ms = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1000)

/** One moment of an RTCStatsReport (W3C webrtc-stats). */
export function sampleOf(report: Report, at: number): Sample {
  const sample: Sample = { at, received: 0, lost: 0, jitterMs: null, rttMs: null, lossOut: null, energy: null, codec: '' }
  const codecs = new Map<string, string>()
  let codecId = ''
  let pairRtt: number | null = null
  for (const [id, stat] of report) {
    switch (stat['type']) {
      case 'inbound-rtp':
        sample.received = number(stat['packetsReceived']) ?? 0
        sample.lost = Math.max(0, number(stat['packetsLost']) ?? 0)
        sample.jitterMs = ms(number(stat['jitter']))
        codecId = String(stat['codecId'] ?? '')
        break
      case 'remote-inbound-rtp':
        sample.rttMs = ms(number(stat['roundTripTime']))
        sample.lossOut = number(stat['fractionLost'])
        break
      case 'candidate-pair':
        if (stat['nominated'] === true) pairRtt = ms(number(stat['currentRoundTripTime']))
        break
      case 'media-source':
        if (stat['kind'] === 'audio') sample.energy = number(stat['totalAudioEnergy'])
        break
      case 'codec':
        codecs.set(id, String(stat['mimeType'] ?? '').replace(/^audio\//, ''))
    }
  }
  sample.rttMs ??= pairRtt
  sample.codec = codecs.get(codecId) ?? ''
  return sample
}

export interface Summary {
  seconds: number
  rtt_ms: number | null
  rtt_max_ms: number | null
  jitter_ms: number | null
  jitter_max_ms: number | null
  loss_in: number | null
  loss_out: number | null
  silent_s: number | null
  codec: string
}

export interface Limits {
  rtt_ms: number
  loss_percent: number
  jitter_ms: number
  silent_s: number
}

export type Sign = 'rtt' | 'loss' | 'jitter' | 'silent' | 'no_sound'

const WINDOW_MS = 10_000
const NO_SOUND_MS = 6_000
const SILENCE = 1e-9

/** The samples of one leg. Bounded: it keeps the last seconds and sums of the rest. */
export class Quality {
  private window: Sample[] = []
  private first: Sample | null = null
  private rtt = new Mean()
  private jitter = new Mean()
  private lossOut = new Mean()
  private silentMs = 0
  private silentSince: number | null = null
  private lastPacketAt = 0

  add(sample: Sample, muted: boolean): void {
    const before = this.window[this.window.length - 1]
    this.first ??= sample
    if (!before || sample.received > before.received) this.lastPacketAt = sample.at
    this.rtt.add(sample.rttMs)
    this.jitter.add(sample.jitterMs)
    this.lossOut.add(sample.lossOut)
    const heard = before && before.energy !== null && sample.energy !== null ? sample.energy - before.energy : null
    if (before && heard !== null && heard < SILENCE && !muted) {
      this.silentSince ??= before.at
      this.silentMs += sample.at - before.at
    } else this.silentSince = null
    this.window.push(sample)
    while (this.window[0] && sample.at - this.window[0].at > WINDOW_MS) this.window.shift()
  }

  /** What is bad right now. */
  signs(limits: Limits): Sign[] {
    const last = this.window[this.window.length - 1]
    const oldest = this.window[0]
    if (!last || !oldest || last === oldest) return []
    const signs: Sign[] = []
    if (last.at - this.lastPacketAt > NO_SOUND_MS) signs.push('no_sound')
    if ((last.rttMs ?? 0) > limits.rtt_ms) signs.push('rtt')
    const loss = Math.max(share(last.lost - oldest.lost, last.received - oldest.received) ?? 0, last.lossOut ?? 0)
    if (loss * 100 > limits.loss_percent) signs.push('loss')
    if ((last.jitterMs ?? 0) > limits.jitter_ms) signs.push('jitter')
    if (this.silentSince !== null && last.at - this.silentSince >= limits.silent_s * 1000) signs.push('silent')
    return signs
  }

  get latest(): Sample | null {
    return this.window[this.window.length - 1] ?? null
  }

  summary(): Summary | null {
    const last = this.latest
    if (!last || !this.first) return null
    return {
      seconds: round((last.at - this.first.at) / 1000),
      rtt_ms: round(this.rtt.mean),
      rtt_max_ms: round(this.rtt.max),
      jitter_ms: round(this.jitter.mean),
      jitter_max_ms: round(this.jitter.max),
      loss_in: share(last.lost, last.received),
      loss_out: this.lossOut.mean,
      silent_s: last.energy === null ? null : round(this.silentMs / 1000),
      codec: last.codec,
    }
  }
}

class Mean {
  private sum = 0
  private n = 0
  max: number | null = null

  add(value: number | null): void {
    if (value === null) return
    this.sum += value
    this.n += 1
    this.max = Math.max(this.max ?? value, value)
  }

  get mean(): number | null {
    return this.n ? this.sum / this.n : null
  }
}

function share(lost: number, received: number): number | null {
  const all = lost + received
  return all > 0 ? Math.min(1, Math.max(0, lost) / all) : null
}

function round(value: number): number
function round(value: number | null): number | null
function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10
}

import { describe, expect, it } from 'vitest'
import { Quality, sampleOf, type Limits, type Sample } from '@/lib/phone/quality'

const LIMITS: Limits = { rtt_ms: 300, loss_percent: 3, jitter_ms: 40, silent_s: 10 }
const good = (at: number, change: Partial<Sample> = {}): Sample => ({
  at, received: at / 20, lost: 0, jitterMs: 5, rttMs: 40, lossOut: 0, energy: at / 1e6, codec: 'PCMA', ...change,
})

describe('the sound of a leg', () => {
  it('is read from the report of a browser', () => {
    const report: [string, Record<string, unknown>][] = [
      ['c', { type: 'codec', mimeType: 'audio/opus' }],
      ['i', { type: 'inbound-rtp', packetsReceived: 100, packetsLost: -1, jitter: 0.004, codecId: 'c' }],
      ['p', { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.03 }],
      ['m', { type: 'media-source', kind: 'audio', totalAudioEnergy: 0.5 }],
    ]
    expect(sampleOf(report, 7)).toEqual({
      at: 7, received: 100, lost: 0, jitterMs: 4, rttMs: 30, lossOut: null, energy: 0.5, codec: 'opus',
    })
  })

  it('shows no sign while all is well, and the averages of the whole leg', () => {
    const quality = new Quality()
    for (let at = 0; at <= 60_000; at += 2_000) quality.add(good(at, { rttMs: at < 30_000 ? 40 : 60 }), false)
    expect(quality.signs(LIMITS)).toEqual([])
    const summary = quality.summary()
    expect(summary).toMatchObject({ seconds: 60, rtt_max_ms: 60, jitter_ms: 5, loss_in: 0, silent_s: 0 })
  })

  it.each([
    ['rtt', { rttMs: 400 }],
    ['jitter', { jitterMs: 80 }],
    ['loss', { lossOut: 0.2 }],
  ] as const)('says %s when it is beyond the limit', (sign, change) => {
    const quality = new Quality()
    quality.add(good(0), false)
    quality.add(good(2_000, change), false)
    expect(quality.signs(LIMITS)).toEqual([sign])
  })

  it('forgets losses that are long over', () => {
    const quality = new Quality()
    quality.add(good(0), false)
    quality.add(good(2_000, { lost: 50 }), false)
    expect(quality.signs(LIMITS)).toEqual(['loss'])
    for (let at = 4_000; at <= 16_000; at += 2_000) quality.add(good(at, { lost: 50 }), false)
    expect(quality.signs(LIMITS)).toEqual([])
  })

  it('knows a dead microphone from a muted one, and a line on which nothing arrives', () => {
    const silent = (muted: boolean): string[] => {
      const quality = new Quality()
      for (let at = 0; at <= 12_000; at += 2_000) quality.add(good(at, { energy: 1 }), muted)
      return quality.signs(LIMITS)
    }
    expect(silent(false)).toEqual(['silent'])
    expect(silent(true)).toEqual([])
    const quality = new Quality()
    for (let at = 0; at <= 10_000; at += 2_000) quality.add(good(at, { received: 9 }), false)
    expect(quality.signs(LIMITS)).toEqual(['no_sound'])
  })
})

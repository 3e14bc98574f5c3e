/** Two mono legs as one stereo file: one player holds both on one clock, whatever the computer does. */

export interface Pcm {
  rate: number
  samples: Int16Array
}

/** The 16-bit samples of a mono WAV, or null where the file is something else. */
export function readWav(buffer: ArrayBuffer): Pcm | null {
  const view = new DataView(buffer)
  const tag = (at: number): string => String.fromCharCode(...new Uint8Array(buffer, at, 4))
  if (buffer.byteLength < 44 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') return null
  let rate = 0
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true)
    if (tag(at) === 'fmt ') {
      const plain = view.getUint16(at + 8, true) === 1 && view.getUint16(at + 10, true) === 1
      if (!plain || view.getUint16(at + 22, true) !== 16) return null
      rate = view.getUint32(at + 12, true)
    } else if (tag(at) === 'data') {
      const bytes = Math.min(size, buffer.byteLength - at - 8)
      const count = bytes >> 1
      return rate ? { rate, samples: new Int16Array(buffer.slice(at + 8, at + 8 + count * 2)) } : null
    }
    at += 8 + size + (size & 1)
  }
  return null
}

/** The agent mostly at the left ear, the caller mostly at the right; `solo` leaves one of them out. */
export function mix(agent: Pcm | null, caller: Pcm | null, solo: 'both' | 'agent' | 'caller'): Blob | null {
  const first = agent ?? caller
  if (!first) return null
  const { rate } = first
  const length = Math.max(
    ...[agent, caller].map((leg) => (leg ? Math.floor((leg.samples.length * rate) / leg.rate) : 0)),
  )
  const out = new Int16Array(length * 2)
  const both = solo === 'both'
  for (const [leg, mine] of [
    [agent, 'agent'],
    [caller, 'caller'],
  ] as const) {
    if (!leg || (!both && solo !== mine)) continue
    const step = leg.rate / rate
    const left = both ? (mine === 'agent' ? 0.8 : 0.2) : 1
    const right = both ? 1 - left : 1
    for (let i = 0; i < length; i++) {
      const value = leg.samples[Math.floor(i * step)] ?? 0
      out[2 * i] = (out[2 * i] ?? 0) + value * left
      out[2 * i + 1] = (out[2 * i + 1] ?? 0) + value * right
    }
  }
  return new Blob([header(rate, out.byteLength), out], { type: 'audio/wav' })
}

function header(rate: number, bytes: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(44))
  const text = (at: number, word: string): void =>
    [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)))
  text(0, 'RIFF')
  view.setUint32(4, 36 + bytes, true)
  text(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 2, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate * 4, true)
  view.setUint16(32, 4, true)
  view.setUint16(34, 16, true)
  text(36, 'data')
  view.setUint32(40, bytes, true)
  return view.buffer
}

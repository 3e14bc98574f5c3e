/** Drawing of two legs on one clock: peaks, speech, holds, pauses of the recording, marks, the head. */
import type { Leg, Mark, QaLeg, Span } from '@/api/qa'

export interface Scene {
  durationMs: number
  legs: Partial<Record<Leg, QaLeg>>
  holds: Span[]
  pauses: Span[]
  marks: Mark[]
  selectedRule: string
  at: number
  selection: Span | null
}

export interface Palette {
  line: string
  text: string
  agent: string
  caller: string
  speech: string
  hold: string
  danger: string
  accent: string
  review: string
  pass: string
  surface: string
  soft: string
}

export const RULER = 16
export const LANE = 12
const PAD = 2

/** Heights of the parts for a canvas of this height: ruler, agent wave with its marks, caller wave with its marks. */
export function lanes(height: number): { leg: Leg; markY: number; waveY: number; waveH: number; speechY: number }[] {
  const each = (height - RULER) / 2
  return (['agent', 'caller'] as const).map((leg, i) => {
    const top = RULER + i * each
    return { leg, markY: top + PAD, waveY: top + LANE + PAD, waveH: each - LANE - 10, speechY: top + each - 6 }
  })
}

export function draw(ctx: CanvasRenderingContext2D, width: number, height: number, scene: Scene, colours: Palette): void {
  const x = (ms: number): number => (scene.durationMs > 0 ? (ms / scene.durationMs) * width : 0)
  ctx.clearRect(0, 0, width, height)
  ctx.fillStyle = colours.surface
  ctx.fillRect(0, 0, width, height)

  for (const [spans, colour] of [
    [scene.holds, colours.hold],
    [scene.pauses, colours.line],
  ] as const) {
    ctx.fillStyle = colour
    for (const [from, to] of spans) ctx.fillRect(x(from), RULER, Math.max(1, x(to) - x(from)), height - RULER)
  }
  if (scene.selection) {
    ctx.fillStyle = colours.soft
    const [from, to] = scene.selection
    ctx.fillRect(x(from), RULER, Math.max(1, x(to) - x(from)), height - RULER)
  }
  ruler(ctx, width, scene.durationMs, colours)

  for (const lane of lanes(height)) {
    const leg = scene.legs[lane.leg]
    const middle = lane.waveY + lane.waveH / 2
    ctx.fillStyle = colours.line
    ctx.fillRect(0, middle, width, 1)
    if (leg) {
      ctx.fillStyle = lane.leg === 'agent' ? colours.agent : colours.caller
      peaks(ctx, leg, width, scene.durationMs, middle, lane.waveH / 2)
      ctx.fillStyle = colours.speech
      for (const [from, to] of leg.speech) ctx.fillRect(x(from), lane.speechY, Math.max(1, x(to) - x(from)), 3)
    }
    for (const mark of scene.marks) {
      if (mark.leg !== lane.leg) continue
      const left = x(mark.t0)
      const wide = Math.max(4, x(mark.t1) - left)
      const selected = mark.rule === scene.selectedRule
      ctx.fillStyle = { fail: colours.danger, review: colours.review, pass: colours.pass, na: colours.line }[mark.verdict]
      if (mark.added) {
        // Added by a person: an outline, so that it differs by more than its colour.
        ctx.strokeStyle = ctx.fillStyle
        ctx.strokeRect(left + 0.5, lane.markY + 1.5, wide, LANE - 5)
      } else ctx.fillRect(left, lane.markY, wide, mark.verdict === 'fail' ? LANE - 3 : LANE - 6)
      if (selected) {
        ctx.globalAlpha = 0.14
        ctx.fillRect(left, lane.waveY, wide, lane.waveH)
        ctx.globalAlpha = 1
        ctx.strokeStyle = colours.accent
        ctx.strokeRect(left - 0.5, lane.markY - 0.5, wide + 1, lane.waveH + LANE + 1)
      }
    }
  }
  ctx.fillStyle = colours.accent
  ctx.fillRect(Math.min(width - 2, x(scene.at)), 0, 2, height)
}

function peaks(
  ctx: CanvasRenderingContext2D,
  leg: QaLeg,
  width: number,
  durationMs: number,
  middle: number,
  half: number,
): void {
  const { per_s: perS, values } = leg.peaks
  if (!values.length || durationMs <= 0) return
  const total = (durationMs / 1000) * perS
  for (let px = 0; px < width; px++) {
    const from = Math.floor((px / width) * total)
    const to = Math.max(from + 1, Math.floor(((px + 1) / width) * total))
    let high = 0
    for (let i = from; i < to && i < values.length; i++) high = Math.max(high, values[i] ?? 0)
    const tall = Math.max(0.5, (high / 100) * half)
    ctx.fillRect(px, middle - tall, 1, tall * 2)
  }
}

function ruler(ctx: CanvasRenderingContext2D, width: number, durationMs: number, colours: Palette): void {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800]
  const seconds = durationMs / 1000
  const step = steps.find((s) => (s / seconds) * width >= 56) ?? 3600
  ctx.font = '11px sans-serif'
  ctx.textBaseline = 'top'
  for (let s = 0; s <= seconds; s += step) {
    const x = (s / seconds) * width
    ctx.fillStyle = colours.line
    ctx.fillRect(x, 0, 1, RULER - 2)
    if (x + 32 > width) break
    ctx.fillStyle = colours.text
    ctx.fillText(`${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`, x + 3, 1)
  }
}

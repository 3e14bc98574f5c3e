import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync(new URL('../src/styles/tokens.css', import.meta.url), 'utf8')

function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`)
  const block = css.slice(start, css.indexOf('\n}', start))
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1] ?? '', m[2] ?? '']))
}

/** WCAG 2.1, relative luminance and contrast ratio. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high + 0.05) / (low + 0.05)
}

const SURFACES = ['bg', 'surface', 'surface-2']
const PAIRS: [string, string][] = [
  ...['text', 'text-2', 'text-3'].flatMap((text): [string, string][] => SURFACES.map((s) => [text, s])),
  ...['accent', 'accent-strong', 'ok', 'danger'].flatMap((text): [string, string][] => [
    [text, 'surface'],
    [text, 'surface-2'],
  ]),
  ['text-2', 'surface-3'],
  ['text-3', 'surface-3'],
  ['text', 'accent-soft'],
  ['text-2', 'accent-soft'],
  ['accent-strong', 'accent-soft'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['ok', 'ok-soft'],
  ['danger', 'danger-soft'],
  ['t1-fg', 't1-bg'],
  ['t2-fg', 't2-bg'],
  ['t3-fg', 't3-bg'],
  ['t4-fg', 't4-bg'],
  ['t5-fg', 'surface'],
  ['white', 'ok-fill'],
  ['white', 'danger-fill'],
  ['white', 'calm-fill'],
]

describe.each([':root', ':root.dark'])('the colours of %s', (selector) => {
  const found = tokens(selector).set('white', '#ffffff')

  it.each(PAIRS)('%s on %s can be read (WCAG AA)', (text, ground) => {
    expect(contrast(found.get(text) ?? '#000000', found.get(ground) ?? '#000000')).toBeGreaterThanOrEqual(4.5)
  })

  it('never lend the colours of tiers to anything else', () => {
    const tiers = [...found].filter(([name]) => /^t\d-bg$/.test(name)).map(([, value]) => value)
    const others = [...found].filter(([name]) => !/^t\d-/.test(name)).map(([, value]) => value)
    expect(others.filter((value) => tiers.includes(value))).toEqual([])
  })
})

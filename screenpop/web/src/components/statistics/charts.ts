/** The few shapes of the statistics: lying bars with their figures, standing bars by day, a line by day. */
import type { EChartsCoreOption } from '@/components/qa/chart'

export interface Row {
  label: string
  value: number
  /** After the figure: a share, what was late. */
  more?: string
}

export const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`

/** Bars that lie, the largest on top, each with its figure. */
export function lying(rows: Row[], name: string): EChartsCoreOption {
  const shown = [...rows].reverse()
  return {
    grid: { left: 120, right: 120, top: 4, bottom: 4 },
    legend: { show: false },
    xAxis: { type: 'value', minInterval: 1, show: false },
    yAxis: { type: 'category', data: shown.map((row) => row.label), axisTick: { show: false }, axisLabel: { width: 108, overflow: 'truncate' } },
    series: [
      {
        name,
        type: 'bar',
        barMaxWidth: 18,
        label: { show: true, position: 'right' },
        data: shown.map((row) => ({ value: row.value, label: { formatter: [row.value.toLocaleString(), row.more].filter(Boolean).join(' · ') } })),
      },
    ],
  }
}

/** One or more series over the same names, side by side. */
export function standing(names: string[], series: { name: string; data: (number | null)[] }[], options: { line?: boolean; max?: number; label?: boolean } = {}): EChartsCoreOption {
  return {
    grid: { left: 48, right: 16, top: 32, bottom: 24 },
    legend: { show: series.length > 1, top: 0 },
    xAxis: { type: 'category', data: names },
    yAxis: { type: 'value', ...(options.max ? { max: options.max } : { minInterval: 1 }) },
    series: series.map((one) => ({ ...one, type: options.line ? 'line' : 'bar', barMaxWidth: 32, connectNulls: true, label: { show: options.label ?? false, position: 'top' } })),
  }
}

/** Every day of the span, also those on which nothing happened. */
export function everyDay(first: string, last: string): string[] {
  const days: string[] = []
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= Date.parse(`${last}T00:00:00Z`); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10))
  }
  return days
}

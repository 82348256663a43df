import uPlot from 'uplot'
import type { Point } from './history.ts'

export type XAxis = 'step' | 'relative' | 'time'

/** How all charts of a page are drawn. */
export interface ChartOptions {
  readonly x: XAxis
  /** 0 draws what was logged; nearer to 1 is smoother. */
  readonly smoothing: number
  readonly logY: boolean
}

export interface Curve {
  readonly runId: string
  readonly name: string
  readonly color: number
  readonly points: readonly Point[]
}

export interface Plotted {
  /** x, then for each curve its values, then, where it is smoothed, for each curve what was logged. */
  readonly data: uPlot.AlignedData
  /** Points that have no place on the chart: not finite, or not above 0 on a logarithmic scale. */
  readonly left: number
}

/** The curves on one common x, as uPlot wants them. */
export function plotted(curves: readonly Curve[], { x, smoothing, logY }: ChartOptions): Plotted {
  let left = 0
  const tables = curves.map(({ points }): [number[], number[]] => {
    const first = points.reduce((least, { time }) => Math.min(least, time), Number.POSITIVE_INFINITY)
    const xs: number[] = []
    const ys: number[] = []
    for (const point of x === 'step' ? points : points.toSorted((a, b) => a.time - b.time)) {
      if (!Number.isFinite(point.value) || (logY && point.value <= 0)) {
        left++
        continue
      }
      const at = x === 'step' ? point.step : x === 'time' ? point.time / 1000 : (point.time - first) / 1000
      // A step logged twice: the later value counts.
      if (xs.at(-1) === at) ys[ys.length - 1] = point.value
      else {
        xs.push(at)
        ys.push(point.value)
      }
    }
    return [xs, ys]
  })
  const shown = tables.map(([xs, ys]): uPlot.AlignedData => [xs, smoothing > 0 ? smooth(ys, smoothing) : ys])
  const raw = smoothing > 0 ? tables : []
  const all: uPlot.AlignedData[] = [...shown, ...raw]
  return { data: all.length === 0 ? [[]] : uPlot.join(all), left }
}

/**
 * Exponential moving average whose start is not drawn to 0: each sum is divided by the weight that it has gathered
 * (the bias correction of Adam, https://arxiv.org/abs/1412.6980, section 3).
 */
export function smooth(values: readonly number[], weight: number): number[] {
  let sum = 0
  let gathered = 0
  return values.map((value) => {
    sum = sum * weight + value * (1 - weight)
    gathered = gathered * weight + (1 - weight)
    return sum / gathered
  })
}

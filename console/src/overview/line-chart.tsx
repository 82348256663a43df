import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { AliasMove } from '../../../src/api/overview.ts'
import { formatDate, formatDay, formatMonth, formatMonthYear, formatScore } from '../shared/format.ts'
import { useWidth } from '../shared/use-width.ts'
import { resolveColor, useDark } from '../theme.ts'
import type { Chart } from './series.ts'

interface LineChartProps {
  readonly title: string
  readonly note: string
  /** The same object while it shows the same: the plot is made anew when it changes. */
  readonly chart: Chart
  readonly champion: string
  readonly moves: readonly AliasMove[]
  readonly byMonth: boolean
}

interface EndLabel {
  readonly text: string
  readonly champion: boolean
  readonly top: number
}

const HEIGHT = 250
const LABEL_ROOM = 142
const LABEL_GAP = 18
const DAY_SECONDS = 86_400
const FONT = '12px system-ui, -apple-system, "Segoe UI", sans-serif'

/** Two models over project time, named at the ends of their curves; a mark where the loop's champion changed. */
export function LineChart({ title, note, chart, champion, moves, byMonth }: LineChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const canvas = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState<number | null>(null)
  const [labels, setLabels] = useState<readonly EndLabel[]>([])
  const dark = useDark()
  useEffect(() => {
    const element = canvas.current
    if (element === null || width === 0) return undefined
    const colors = { ink: resolveColor('ink-2'), grid: resolveColor('line'), champion: resolveColor('champion'), frozen: resolveColor('frozen'), mark: resolveColor('mark') }
    const { times, curves } = chart
    const seconds = times.map((time) => time / 1000)
    const axis: uPlot.Axis = { stroke: colors.ink, font: FONT, grid: { stroke: colors.grid, width: 1 }, ticks: { show: false } }
    const plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [18, LABEL_ROOM, 0, 0],
        legend: { show: false },
        tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), 'Etc/UTC'),
        cursor: { y: false, points: { size: 8, width: 2 }, drag: { x: false, y: false } },
        scales: { x: { time: true, range: (_plot, min, max) => widen(min, max, byMonth) }, y: { range: (_plot, min, max) => pad(min, max) } },
        axes: [
          { ...axis, space: 42, values: (_plot, splits) => splits.map((split, i) => axisDate(split, splits[i - 1], splits)) },
          { ...axis, size: 48, values: (_plot, splits) => splits.map((split) => split.toFixed(digits(splits))) },
        ],
        series: [
          {},
          ...curves.map((curve): uPlot.Series => {
            const isChampion = curve.alias === champion
            const stroke = isChampion ? colors.champion : colors.frozen
            return {
              label: curve.label,
              stroke,
              width: isChampion ? 2.5 : 2,
              spanGaps: true,
              points: { show: true, size: isChampion ? 6 : 5, fill: isChampion ? stroke : resolveColor('card'), stroke, width: 1.5 },
              ...(isChampion ? {} : { dash: [6, 4] }),
            }
          }),
        ],
        hooks: {
          drawClear: [(self) => drawMoves(self, moves, colors)],
          draw: [(self) => setLabels(endLabels(self, chart, champion))],
          setCursor: [(self) => setAt(self.cursor.idx ?? null)],
        },
      },
      [seconds, ...curves.map((curve) => [...curve.values])],
      element,
    )
    return () => plot.destroy()
  }, [chart, moves, width, dark, champion, byMonth])

  return (
    <figure className="chart" ref={ref} aria-label={describe(title, chart)}>
      <figcaption>
        <b>{title}</b> <span>{note}</span>
        <span className="chart-readout" aria-hidden="true">
          {at === null ? null : readout(chart, at)}
        </span>
      </figcaption>
      <div className="chart-area" role="img" aria-label={describe(title, chart)}>
        <div ref={canvas} />
        {labels.map((label) => (
          <span key={label.text} className={`chart-label ${label.champion ? 'chart-label-champion' : ''}`} style={{ top: label.top, left: width - LABEL_ROOM + 10 }}>
            {label.text}
          </span>
        ))}
      </div>
    </figure>
  )
}

/** A curve of a single point needs room around it. */
function widen(min: number, max: number, byMonth: boolean): [number, number] {
  const half = (byMonth ? 15 : 4) * DAY_SECONDS
  return max - min < half * 4 ? [min - half * 2, Math.max(max + half * 2, min + half * 8)] : [min - half, max + half]
}

function pad(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1]
  const room = Math.max((max - min) * 0.12, 0.01)
  return [min - room, max + room]
}

/** As few digits as tell neighbouring ticks apart. */
function digits(splits: readonly number[]): number {
  const step = (splits[1] ?? 1) - (splits[0] ?? 0)
  return Math.abs(step * 100 - Math.round(step * 100)) < 1e-6 ? 2 : 3
}

/** The year is named at the first tick and where it changes. */
function axisDate(split: number, before: number | undefined, splits: readonly number[]): string {
  const ms = split * 1000
  const monthly = splits.length > 1 && (splits[1] ?? 0) - (splits[0] ?? 0) > 20 * DAY_SECONDS
  const newYear = before === undefined || new Date(before * 1000).getUTCFullYear() !== new Date(ms).getUTCFullYear()
  if (!monthly) return newYear ? `${formatDay(ms)}\n${new Date(ms).getUTCFullYear()}` : formatDay(ms)
  return newYear ? formatMonthYear(ms).replace(' ', '\n') : formatMonth(ms)
}

function drawMoves(plot: uPlot, moves: readonly AliasMove[], colors: { mark: string; grid: string }): void {
  const { ctx, bbox } = plot
  const ratio = uPlot.pxRatio
  ctx.save()
  ctx.strokeStyle = colors.mark
  ctx.fillStyle = colors.mark
  ctx.lineWidth = ratio
  ctx.setLineDash([2 * ratio, 3 * ratio])
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`
  ctx.textAlign = 'center'
  for (const move of moves) {
    const x = plot.valToPos(Date.parse(move.at) / 1000, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.fillText(`v${move.version ?? ''}`, x, bbox.top - 6 * ratio)
  }
  ctx.restore()
}

/** Where each curve ends, moved apart where they would lie on one another. */
function endLabels(plot: uPlot, chart: Chart, champion: string): readonly EndLabel[] {
  const ends = chart.curves.flatMap((curve) => {
    const last = curve.values.findLast((value) => value !== null) ?? null
    return last === null ? [] : [{ text: curve.label, champion: curve.alias === champion, top: plot.valToPos(last, 'y') + plot.bbox.top / uPlot.pxRatio }]
  })
  const sorted = ends.toSorted((a, b) => a.top - b.top)
  return sorted.map((end, i) => {
    const before = sorted[i - 1]
    const after = sorted[i + 1]
    const overlap = before !== undefined ? LABEL_GAP - (end.top - before.top) : after !== undefined ? LABEL_GAP - (after.top - end.top) : 0
    return overlap <= 0 ? end : { ...end, top: end.top + ((before === undefined ? -1 : 1) * overlap) / 2 }
  })
}

function readout(chart: Chart, at: number): string {
  const start = chart.starts[at]
  if (start === undefined) return ''
  return [`${formatDate(start)}`, ...chart.curves.map((curve) => `${curve.label} ${formatScore(curve.values[at])}`)].join('  ·  ')
}

function describe(title: string, chart: Chart): string {
  const ends = chart.curves.map((curve) => `${curve.label} ${formatScore(curve.values.findLast((value) => value !== null))}`)
  return `${title} over project time, ${chart.times.length} periods; last: ${ends.join(', ')}`
}

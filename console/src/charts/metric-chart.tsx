import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatDate, formatTime } from '../shared/format.ts'
import { useInView } from '../shared/use-in-view.ts'
import { useWidth } from '../shared/use-width.ts'
import { resolveColor, useDark } from '../theme.ts'
import { formatDuration, formatFigure } from '../tracking/values.ts'
import { type ChartOptions, type Curve, type XAxis, plotted } from './curves.ts'
import { type StepRange, askHistories } from './history.ts'

export interface ChartRun {
  readonly runId: string
  readonly name: string
  /** Which of the palette's colours. */
  readonly color: number
  readonly running: boolean
}

interface MetricChartProps {
  readonly metric: string
  /** Without the part that the heading above says already. */
  readonly title: string
  readonly runs: readonly ChartRun[]
  readonly options: ChartOptions
  readonly range: StepRange | undefined
  readonly onRange: (range: StepRange | undefined) => void
  /** The run that is pointed out. */
  readonly highlight: string | undefined
}

const HEIGHT = 220
const FONT = '12px system-ui, -apple-system, "Segoe UI", sans-serif'
export const PALETTE = 10
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]]
const POLL_MS = 5000
const TIP_ROWS = 12

/** One metric of one or many runs. Its history is asked for once it is scrolled into view, and again, finer, for the steps zoomed into. */
export function MetricChart({ metric, title, runs, options, range, onRange, highlight }: MetricChartProps) {
  const [view, seen] = useInView<HTMLElement>()
  const runIds = runs.map(({ runId }) => runId)
  const asked = options.x === 'step' ? range : undefined
  const { data, error, isPending } = useQuery({
    queryKey: ['history', metric, runIds, asked ?? null],
    queryFn: ({ signal }) => askHistories(runIds, metric, asked, signal),
    enabled: seen,
    placeholderData: (previous) => previous,
    refetchInterval: runs.some(({ running }) => running) ? POLL_MS : false,
  })
  const curves = useMemo(() => runs.map(({ runId, name, color }): Curve => ({ runId, name, color, points: data?.get(runId) ?? [] })).filter(({ points }) => points.length > 0), [data, runs])
  const points = curves.reduce((sum, curve) => sum + curve.points.length, 0)
  const once = points > 0 && points === curves.length && range === undefined
  const last = curves.length === 1 && !once ? curves[0]?.points.at(-1)?.value : undefined
  return (
    <figure className={`metric-chart ${once || (points === 0 && !isPending) ? 'metric-once' : ''}`} ref={view} aria-label={describe(metric, curves)}>
      <figcaption>
        <b title={metric}>{title}</b>
        <span className="chart-last">{last === undefined ? '' : formatFigure(last)}</span>
      </figcaption>
      {error !== null ? (
        <p className="chart-note">{error.message}</p>
      ) : points === 0 ? (
        <p className="chart-note">{isPending ? '' : range === undefined ? 'No points' : 'No points between these steps'}</p>
      ) : once ? (
        <SinglePoints curves={curves} highlight={highlight} />
      ) : (
        <Plot curves={curves} options={options} range={range} onRange={onRange} highlight={highlight} />
      )}
    </figure>
  )
}

interface PlotProps extends Pick<MetricChartProps, 'options' | 'range' | 'onRange' | 'highlight'> {
  readonly curves: readonly Curve[]
}

interface Tip {
  readonly x: number
  readonly left: number
  readonly values: readonly { readonly name: string; readonly color: number; readonly value: number }[]
}

function Plot({ curves, options, range, onRange, highlight }: PlotProps) {
  const [area, width] = useWidth<HTMLDivElement>()
  const canvas = useRef<HTMLDivElement>(null)
  const [tip, setTip] = useState<Tip | null>(null)
  // The other charts follow the cursor too; only the one under it speaks.
  const [hovered, setHovered] = useState(false)
  const dark = useDark()
  const { data, left } = useMemo(() => plotted(curves, options), [curves, options])
  const zoom = useRef(onRange)
  useEffect(() => {
    zoom.current = onRange
  }, [onRange])

  useEffect(() => {
    const element = canvas.current
    if (element === null || width === 0) return undefined
    const ink = resolveColor('ink-2')
    const axis: uPlot.Axis = { stroke: ink, font: FONT, grid: { stroke: resolveColor('line'), width: 1 }, ticks: { show: false } }
    const line = (curve: Curve, faint: boolean): uPlot.Series => {
      const stroke = resolveColor(`run-${curve.color % PALETTE}`)
      const back = highlight !== undefined && highlight !== curve.runId
      return {
        label: curve.name,
        stroke,
        width: highlight === curve.runId ? 3 : faint ? 1 : 1.75,
        alpha: (faint ? 0.28 : 1) * (back ? 0.18 : 1),
        dash: DASHES[Math.floor(curve.color / PALETTE) % DASHES.length] ?? [],
        spanGaps: true,
        points: { show: !faint && curve.points.length <= 24, size: 5, fill: stroke },
      }
    }
    const plot = new uPlot(
      {
        width,
        height: HEIGHT,
        padding: [10, 14, 0, 0],
        legend: { show: false },
        tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), 'Etc/UTC'),
        cursor: { y: false, sync: { key: `metrics-${options.x}` }, points: { size: 7 }, drag: { x: true, y: false, setScale: options.x !== 'step', dist: 6 }, bind: { dblclick: () => () => (zoom.current(undefined), plot.setData(data), null) } },
        scales: { x: { time: options.x === 'time', ...(range === undefined || options.x !== 'step' ? {} : { range: [range.from, range.to] }) }, y: options.logY ? { distr: 3 } : { range: (_plot, min, max) => padded(min, max) } },
        axes: [
          { ...axis, space: 56, size: 34, ...(options.x === 'time' ? {} : { values: (_plot: uPlot, splits: number[]) => splits.map((split) => axisText(split, options.x)) }) },
          { ...axis, size: 58, values: (_plot, splits) => splits.map((split) => (split === null ? '' : formatFigure(split))) },
        ],
        series: [{}, ...curves.map((curve) => line(curve, false)), ...(options.smoothing > 0 ? curves.map((curve) => line(curve, true)) : [])],
        hooks: {
          setCursor: [(self) => setTip(tipOf(self, curves, highlight))],
          setSelect: [
            (self) => {
              if (options.x !== 'step' || self.select.width < 6) return
              zoom.current({ from: Math.floor(self.posToVal(self.select.left, 'x')), to: Math.ceil(self.posToVal(self.select.left + self.select.width, 'x')) })
            },
          ],
        },
      },
      data,
      element,
    )
    return () => {
      plot.destroy()
      setTip(null)
    }
  }, [curves, data, width, dark, options, range, highlight])

  return (
    <div className="chart-area metric-area" ref={area} onPointerEnter={() => setHovered(true)} onPointerLeave={() => setHovered(false)}>
      <div ref={canvas} />
      {tip === null || !hovered ? null : (
        <div className={`curve-tip ${tip.left > width / 2 ? 'curve-tip-left' : ''}`} style={tip.left > width / 2 ? { right: width - tip.left + 12 } : { left: tip.left + 12 }} aria-hidden="true">
          <span className="quiet">{tipTitle(tip.x, options.x)}</span>
          {tip.values.map(({ name, color, value }) => (
            <span key={`${name} ${color}`} className="tip-line">
              <i className={`swatch run-${color % PALETTE}`} />
              {curves.length > 1 ? <span className="tip-name">{name}</span> : null}
              <b>{formatFigure(value)}</b>
            </span>
          ))}
        </div>
      )}
      {left === 0 ? null : (
        <p className="chart-aside">
          {left} {left === 1 ? 'point is' : 'points are'} not shown: {options.logY ? 'not above 0, or not finite' : 'not finite'}
        </p>
      )}
    </div>
  )
}

/** A metric that was logged once is a figure, not a curve. */
function SinglePoints({ curves, highlight }: { readonly curves: readonly Curve[]; readonly highlight: string | undefined }) {
  const values = curves.map((curve) => ({ ...curve, value: curve.points[0]?.value ?? Number.NaN }))
  if (values.length === 1) return <p className="big-figure">{formatFigure(values[0]?.value ?? Number.NaN)}</p>
  const finite = values.map(({ value }) => value).filter(Number.isFinite)
  const least = Math.min(0, ...finite)
  const most = Math.max(0, ...finite)
  const share = (value: number): number => (most === least ? 0 : ((value - least) / (most - least)) * 100)
  return (
    <ul className="bars">
      {values.map(({ runId, name, color, value }) => (
        <li key={runId} className={highlight !== undefined && highlight !== runId ? 'bar-back' : ''}>
          <span className="bar-name" title={name}>
            {name}
          </span>
          <span className="bar-track">
            <i className={`bar run-${color % PALETTE}`} style={{ width: `${Number.isFinite(value) ? share(value) : 0}%` }} />
          </span>
          <b>{formatFigure(value)}</b>
        </li>
      ))}
    </ul>
  )
}

function tipOf(plot: uPlot, curves: readonly Curve[], highlight: string | undefined): Tip | null {
  const { idx, left } = plot.cursor
  const x = idx === null || idx === undefined ? undefined : plot.data[0][idx]
  if (idx === null || idx === undefined || x === undefined || left === undefined || left < 0) return null
  const values = curves.flatMap(({ name, color, runId }, i) => {
    const value = plot.data[i + 1]?.[idx]
    return value === null || value === undefined ? [] : [{ name, color, value, runId }]
  })
  if (values.length === 0) return null
  const ordered = values.sort((a, b) => Number(b.runId === highlight) - Number(a.runId === highlight) || b.value - a.value)
  return { x, left: left + plot.bbox.left / uPlot.pxRatio, values: ordered.slice(0, TIP_ROWS) }
}

function axisText(split: number, x: XAxis): string {
  if (x === 'step') return Number.isInteger(split) ? formatFigure(split) : ''
  return split === 0 ? '0' : formatDuration(split * 1000).replace(/ 0 (?:s|min)$/, '').replace('.0 s', ' s')
}

function tipTitle(at: number, x: XAxis): string {
  return x === 'step' ? `step ${at.toLocaleString('en-US')}` : x === 'relative' ? `after ${formatDuration(at * 1000)}` : `${formatDate(at * 1000)} ${formatTime(at * 1000)}`
}

function padded(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1]
  const room = (max - min || Math.abs(max) || 1) * 0.06
  return [min - room, max + room]
}

function describe(metric: string, curves: readonly Curve[]): string {
  const ends = curves.slice(0, TIP_ROWS).map(({ name, points }) => `${name} ${formatFigure(points.at(-1)?.value ?? Number.NaN)}`)
  return curves.length === 0 ? metric : `${metric}: ${curves.reduce((sum, { points }) => sum + points.length, 0)} points; last ${ends.join(', ')}`
}

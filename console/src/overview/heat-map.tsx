import * as Plot from '@observablehq/plot'
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { DriftSeries } from '../../../src/api/monitor.ts'
import { formatDate, formatDay, formatScore } from '../shared/format.ts'
import { useWidth } from '../shared/use-width.ts'
import { resolveColor, useDark } from '../theme.ts'

interface HeatCell {
  readonly column: string
  readonly start: string
  readonly end: string
  readonly method: string
  readonly score: number
  readonly threshold: number
  readonly drifted: boolean
  readonly missing: number
}

interface HeatMapProps {
  readonly drift: DriftSeries
}

const ROW = 22
/** Weeks for which there is room from the start, so that the first do not fill the whole width. */
const LEAST_WEEKS = 16
/** The scale ends at so many times the threshold: beyond that, more drift is no news. */
const SCALE_END = 10
const PREDICTION_FIRST = { prediction: 0, numeric: 1, categorical: 1 } as const

/** Drift by column and week. Arrow keys walk the cells; what has drifted is outlined, so colour is not the only sign. */
export function HeatMap({ drift }: HeatMapProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const holder = useRef<HTMLDivElement>(null)
  const focused = useRef<{ column: string; start: string } | null>(null)
  const [shown, setShown] = useState<{ cell: HeatCell; x: number; y: number } | null>(null)
  const dark = useDark()
  const { cells, columns, starts } = useMemo(() => layOut(drift), [drift])
  const threshold = cells[0]?.threshold ?? 0.1

  useEffect(() => {
    const element = holder.current
    if (element === null || width === 0) return undefined
    const plot = draw(cells, columns, starts, threshold, width)
    const rects = [...plot.querySelectorAll<SVGRectElement>('g[aria-label="cell"] rect')]
    const byRect = new Map<Element, HeatCell>()
    for (const [i, rect] of rects.entries()) {
      const cell = cells[i]
      if (cell === undefined) continue
      byRect.set(rect, cell)
      rect.setAttribute('role', 'img')
      rect.setAttribute('tabindex', '-1')
      rect.setAttribute('aria-label', describe(cell))
      rect.dataset.column = cell.column
      rect.dataset.start = cell.start
      if (cell.drifted) rect.classList.add('heat-drifted')
    }
    const hide = (): void => setShown(null)
    const show = (event: Event): void => {
      const rect = event.target instanceof SVGRectElement ? event.target : null
      const cell = rect === null ? undefined : byRect.get(rect)
      if (rect === null || cell === undefined) return hide()
      const area = element.getBoundingClientRect()
      const box = rect.getBoundingClientRect()
      if (event.type === 'focusin') focused.current = { column: cell.column, start: cell.start }
      setShown({ cell, x: box.left - area.left + box.width / 2, y: box.top - area.top })
    }
    // On the holder: an SVG that listens for focus becomes a stop of the Tab key itself.
    const listeners = { pointerover: show, focusin: show, pointerleave: hide, focusout: hide }
    for (const [type, listener] of Object.entries(listeners)) element.addEventListener(type, listener)
    const kept = focused.current
    const current = rects.find((rect) => rect.dataset.column === kept?.column && rect.dataset.start === kept?.start)
    const entry = current ?? rects[0]
    entry?.setAttribute('tabindex', '0')
    const hadFocus = element.contains(document.activeElement)
    element.replaceChildren(plot)
    if (hadFocus) current?.focus({ preventScroll: true })
    return () => {
      for (const [type, listener] of Object.entries(listeners)) element.removeEventListener(type, listener)
      hide()
    }
  }, [cells, columns, starts, threshold, width, dark])

  const walk = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = STEPS[event.key]
    if (step === undefined || !(document.activeElement instanceof SVGRectElement)) return
    const { column = '', start = '' } = document.activeElement.dataset
    const row = clamp(columns.indexOf(column) + step.row, columns.length)
    const week = event.key === 'Home' ? 0 : event.key === 'End' ? starts.length - 1 : clamp(starts.indexOf(start) + step.week, starts.length)
    const next = event.currentTarget.querySelector<SVGRectElement>(`rect[data-column="${CSS.escape(columns[row] ?? '')}"][data-start="${CSS.escape(starts[week] ?? '')}"]`)
    if (next === null) return
    event.preventDefault()
    document.activeElement.setAttribute('tabindex', '-1')
    next.setAttribute('tabindex', '0')
    next.focus({ preventScroll: true })
  }

  return (
    <div className="heat" ref={ref}>
      <div className="heat-plot" role="group" aria-label="Drift by column and week; arrow keys walk the cells" ref={holder} onKeyDown={walk} style={{ minHeight: columns.length * ROW + 44 }} />
      {shown === null ? null : <HeatTip {...shown} width={width} />}
      <HeatLegend threshold={threshold} indent={labelRoom(columns)} />
    </div>
  )
}

const STEPS: Readonly<Record<string, { readonly row: number; readonly week: number }>> = {
  ArrowUp: { row: -1, week: 0 },
  ArrowDown: { row: 1, week: 0 },
  ArrowLeft: { row: 0, week: -1 },
  ArrowRight: { row: 0, week: 1 },
  Home: { row: 0, week: 0 },
  End: { row: 0, week: 0 },
}

const clamp = (value: number, length: number): number => Math.max(0, Math.min(length - 1, value))

function layOut(drift: DriftSeries) {
  const rows = drift.columns.toSorted((a, b) => PREDICTION_FIRST[a.kind] - PREDICTION_FIRST[b.kind])
  const cells = rows.flatMap((row) =>
    drift.windows.flatMap((window, i): HeatCell[] => {
      const cell = row.cells[i]
      if (cell === undefined || cell === null || cell.score === null) return []
      return [{ column: row.column, start: window.start, end: window.end, method: cell.method, score: cell.score, threshold: cell.threshold, drifted: cell.drifted, missing: cell.missing_share }]
    }),
  )
  return { cells, columns: rows.map((row) => row.column), starts: drift.windows.map((window) => window.start) }
}

function draw(cells: readonly HeatCell[], columns: readonly string[], starts: readonly string[], threshold: number, width: number): Element {
  const labels = labelRoom(columns)
  const room = Array.from({ length: Math.max(0, LEAST_WEEKS - starts.length) }, (_, i) => `later ${i}`)
  const every = Math.max(1, Math.ceil((starts.length + room.length) / ((width - labels) / 58)))
  const plot = Plot.plot({
    width,
    height: columns.length * ROW + 40,
    marginLeft: labels,
    marginRight: 2,
    marginTop: 4,
    marginBottom: 34,
    className: 'heat-svg',
    x: { type: 'band', domain: [...starts, ...room], padding: 0.06, ticks: starts.filter((_, i) => i % every === 0), tickFormat: (start: string) => formatDay(start), tickSize: 3, label: null },
    y: { type: 'band', domain: columns, padding: 0.1, tickSize: 0, label: null },
    color: {
      type: 'linear',
      domain: [0, threshold, threshold * SCALE_END],
      range: [resolveColor('heat-0'), resolveColor('heat-1'), resolveColor('heat-2')],
      clamp: true,
      interpolate: 'lab',
    },
    marks: [Plot.cell(cells, { x: 'start', y: 'column', fill: 'score', rx: 2 })],
  })
  // Plot brings an inline style sheet, which the page's policy forbids; ours has what it says.
  plot.querySelector('style')?.remove()
  return plot
}

/** Pixels for the names of the columns, by the longest of them. */
function labelRoom(columns: readonly string[]): number {
  return Math.min(220, Math.max(80, ...columns.map((column) => column.length * 6.8 + 14)))
}

function describe(cell: HeatCell): string {
  return `${cell.column}, week of ${formatDate(cell.start)}: ${formatScore(cell.score)} ${cell.method}, ${cell.drifted ? 'drifted' : 'not drifted'}, threshold ${cell.threshold}`
}

function HeatTip({ cell, x, y, width }: { cell: HeatCell; x: number; y: number; width: number }) {
  return (
    <div className="tip" role="tooltip" style={{ left: Math.max(110, Math.min(width - 110, x)), top: y }}>
      <b>{cell.column}</b>
      <span>
        {formatDay(cell.start)} to {formatDate(cell.end)}
      </span>
      <span className="tip-figure">
        {formatScore(cell.score)} <small>{cell.method}</small>
      </span>
      <span>
        {cell.drifted ? 'drifted: reaches' : 'below'} {cell.threshold}
        {cell.missing > 0 ? ` · ${(cell.missing * 100).toFixed(1)} % missing` : ''}
      </span>
    </div>
  )
}

function HeatLegend({ threshold, indent }: { threshold: number; indent: number }) {
  return (
    <div className="heat-legend" aria-hidden="true" style={{ paddingLeft: indent }}>
      <span>0</span>
      <span className="heat-ramp">
        <i className="heat-threshold" />
      </span>
      <span>≥ {(threshold * SCALE_END).toFixed(1)}</span>
      <span className="heat-key">
        <i /> outlined: reaches the threshold of {threshold}
      </span>
    </div>
  )
}

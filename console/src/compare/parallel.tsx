import * as Plot from '@observablehq/plot'
import { type PointerEvent, useCallback, useMemo, useRef, useState } from 'react'
import { PALETTE } from '../charts/metric-chart.tsx'
import { titleOf } from '../runs/cells.ts'
import { resolveColor } from '../theme.ts'
import type { ColumnId } from '../tracking/keys.ts'
import { formatFigure } from '../tracking/values.ts'
import { AxesChoice } from './axes-choice.tsx'
import { type Drawn, PlotView } from './plot-view.tsx'
import { type ComparedRun, columnsOfRuns, differs, numbersOf } from './values.ts'

interface ParallelProps {
  readonly runs: readonly ComparedRun[]
  readonly axes: readonly ColumnId[] | undefined
  readonly onAxes: (axes: readonly ColumnId[]) => void
  readonly highlight: string | undefined
}

interface Axis {
  readonly column: ColumnId
  /** From 0 to 1, by run. */
  readonly places: ReadonlyMap<string, number>
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
}

/** From where to where on an axis, each from 0 to 1. */
type Brush = readonly [number, number]

const HEIGHT = 430
const STANDARD_AXES = 7
const MOST_NAMES = 12
const STRIP = 34

/** Each run as a line through its values. What is marked on an axis by dragging leaves the lines that pass there. */
export function ParallelView({ runs, axes: chosen, onAxes, highlight }: ParallelProps) {
  const [brushes, setBrushes] = useState<ReadonlyMap<ColumnId, Brush>>(new Map())
  const candidates = useMemo(() => columnsOfRuns(runs).filter((column) => differs(runs, column) && axisOf(runs, column) !== undefined), [runs])
  const shown = useMemo(() => chosen?.filter((column) => candidates.includes(column)) ?? standardAxes(candidates), [chosen, candidates])
  const axes = useMemo(() => shown.flatMap((column) => axisOf(runs, column) ?? []), [runs, shown])
  const passing = useMemo(
    () =>
      new Set(
        runs
          .filter(({ id }) =>
            axes.every(({ column, places }) => {
              const brush = brushes.get(column)
              const place = places.get(id)
              return brush === undefined || (place !== undefined && place >= brush[0] && place <= brush[1])
            }),
          )
          .map(({ id }) => id),
      ),
    [runs, axes, brushes],
  )
  const draw = useCallback((width: number) => drawAxes(runs, axes, passing, highlight, width), [runs, axes, passing, highlight])
  const setBrush = (column: ColumnId, brush: Brush | undefined): void => {
    const next = new Map(brushes)
    if (brush === undefined) next.delete(column)
    else next.set(column, brush)
    setBrushes(next)
  }
  return (
    <>
      <div className="chart-bar">
        <AxesChoice candidates={candidates} shown={shown} onChange={onAxes} />
        <span className="quiet">{brushes.size === 0 ? 'Drag along an axis to keep only the runs that pass there.' : `${passing.size} of ${runs.length} runs pass`}</span>
        {brushes.size === 0 ? null : (
          <button type="button" className="plain" onClick={() => setBrushes(new Map())}>
            Clear the marks
          </button>
        )}
      </div>
      {axes.length < 2 ? (
        <p className="quiet">Two axes at least: choose columns in which the runs differ.</p>
      ) : (
        <PlotView label={`Parallel coordinates of ${runs.length} runs over ${axes.map(({ column }) => titleOf(column)).join(', ')}`} height={HEIGHT} draw={draw}>
          {(drawn) => axes.map(({ column }) => <Strip key={column} drawn={drawn} column={column} brush={brushes.get(column)} onBrush={(brush) => setBrush(column, brush)} />)}
        </PlotView>
      )}
    </>
  )
}

function standardAxes(candidates: readonly ColumnId[]): readonly ColumnId[] {
  const params = candidates.filter((column) => column.startsWith('params.'))
  const metrics = candidates.filter((column) => column.startsWith('metrics.') && !column.startsWith('metrics.system/'))
  return [...params.slice(0, STANDARD_AXES - Math.min(2, metrics.length)), ...metrics.slice(0, Math.max(2, STANDARD_AXES - params.length))]
}

function axisOf(runs: readonly ComparedRun[], column: ColumnId): Axis | undefined {
  const numbers = numbersOf(runs, column)
  if (numbers !== undefined) {
    const values = [...numbers.values()]
    const [least, most] = [Math.min(...values), Math.max(...values)]
    // What spans orders of magnitude, such as a learning rate, is spread by its logarithm.
    const log = least > 0 && most / least >= 50
    const scale = (value: number): number => (least === most ? 0.5 : log ? Math.log(value / least) / Math.log(most / least) : (value - least) / (most - least))
    const tick = (at: number): number => (log ? least * (most / least) ** at : least + (most - least) * at)
    return { column, places: new Map([...numbers].map(([id, value]) => [id, scale(value)])), ticks: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: formatFigure(Number(tick(at).toPrecision(3))) })) }
  }
  const names = [...new Set(runs.flatMap(({ values }) => values.get(column) ?? []).map(String))].sort()
  if (names.length > MOST_NAMES || names.length < 2) return undefined
  const places = new Map<string, number>()
  for (const { id, values } of runs) {
    const value = values.get(column)
    if (value !== undefined) places.set(id, names.indexOf(String(value)) / (names.length - 1))
  }
  return { column, places, ticks: names.map((name, i) => ({ at: i / (names.length - 1), text: name.slice(0, 18) })) }
}

function drawAxes(runs: readonly ComparedRun[], axes: readonly Axis[], passing: ReadonlySet<string>, highlight: string | undefined, width: number): Drawn {
  const colors = Array.from({ length: PALETTE }, (_, i) => resolveColor(`run-${i}`))
  const lines = runs.flatMap(({ id, color }) =>
    axes.flatMap(({ column, places }) => {
      const place = places.get(id)
      return place === undefined ? [] : [{ id, color: colors[color % PALETTE] ?? '', column, place, back: !passing.has(id) || (highlight !== undefined && highlight !== id) }]
    }),
  )
  const ticks = axes.flatMap(({ column, ticks: own }) => own.map((tick) => ({ column, ...tick })))
  const line = (back: boolean) =>
    Plot.line(
      lines.filter((point) => point.back === back),
      { x: 'column', y: 'place', z: 'id', stroke: (point: { color: string }) => point.color, strokeOpacity: back ? 0.1 : 0.85, strokeWidth: back ? 1 : 2, curve: 'bump-x' },
    )
  return Plot.plot({
    width,
    height: HEIGHT,
    marginTop: 44,
    marginBottom: 20,
    marginLeft: 60,
    marginRight: 70,
    className: 'plot-svg',
    x: { type: 'point', domain: axes.map(({ column }) => column), padding: 0, axis: null },
    y: { type: 'linear', domain: [0, 1], axis: null },
    marks: [
      Plot.ruleX(axes, { x: 'column', stroke: resolveColor('line-2') }),
      line(true),
      line(false),
      Plot.text(ticks, { x: 'column', y: 'at', text: 'text', dx: 7, textAnchor: 'start', fill: resolveColor('ink-2'), stroke: resolveColor('card'), strokeWidth: 4, fontSize: 11 }),
      Plot.text(axes, { x: 'column', text: ({ column }: Axis) => shortTitle(column), frameAnchor: 'top', dy: -26, fill: resolveColor('ink'), fontWeight: 600, fontSize: 12 }),
    ],
  })
}

function shortTitle(column: ColumnId): string {
  const title = titleOf(column)
  return title.length > 20 ? `${title.slice(0, 19)}…` : title
}

interface StripProps {
  readonly drawn: Drawn
  readonly column: ColumnId
  readonly brush: Brush | undefined
  readonly onBrush: (brush: Brush | undefined) => void
}

/** Where an axis can be marked. */
function Strip({ drawn, column, brush, onBrush }: StripProps) {
  const from = useRef<number | null>(null)
  const x = drawn.scale('x')?.apply(column)
  const y = drawn.scale('y')
  if (typeof x !== 'number' || y === undefined) return null
  const top = Number(y.apply(1))
  const bottom = Number(y.apply(0))
  const placeOf = (event: PointerEvent<HTMLElement>): number => {
    const box = event.currentTarget.getBoundingClientRect()
    return Math.max(0, Math.min(1, 1 - (event.clientY - box.top) / box.height))
  }
  return (
    <div
      className="strip"
      style={{ left: x - STRIP / 2, width: STRIP, top, height: bottom - top }}
      onPointerDown={(event) => {
        from.current = placeOf(event)
        event.currentTarget.setPointerCapture(event.pointerId)
        onBrush(undefined)
      }}
      onPointerMove={(event) => {
        if (from.current === null) return
        const at = placeOf(event)
        if (Math.abs(at - from.current) > 0.01) onBrush([Math.min(at, from.current), Math.max(at, from.current)])
      }}
      onPointerUp={() => {
        from.current = null
      }}
    >
      {brush === undefined ? null : <i style={{ top: `${(1 - brush[1]) * 100}%`, height: `${(brush[1] - brush[0]) * 100}%` }} />}
    </div>
  )
}

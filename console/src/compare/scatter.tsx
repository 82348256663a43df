import * as Plot from '@observablehq/plot'
import { useCallback, useMemo, useState } from 'react'
import { PALETTE } from '../charts/metric-chart.tsx'
import { titleOf } from '../runs/cells.ts'
import { resolveColor } from '../theme.ts'
import type { ColumnId } from '../tracking/keys.ts'
import { formatFigure } from '../tracking/values.ts'
import { ColumnOptions } from './axes-choice.tsx'
import { type Drawn, PlotView } from './plot-view.tsx'
import { type ComparedRun, columnsOfRuns, differs, numbersOf } from './values.ts'

interface ScatterProps {
  readonly runs: readonly ComparedRun[]
  readonly x: ColumnId | undefined
  readonly y: ColumnId | undefined
  readonly onAxes: (axes: { readonly x: ColumnId; readonly y: ColumnId }) => void
  readonly highlight: string | undefined
}

interface Dot {
  readonly run: ComparedRun
  readonly x: number
  readonly y: number
}

const HEIGHT = 440
const LABELLED = 14

/** Two columns of numbers against one another, a dot a run. */
export function ScatterView({ runs, x: givenX, y: givenY, onAxes, highlight }: ScatterProps) {
  const [logs, setLogs] = useState({ x: false, y: false })
  const columns = useMemo(() => columnsOfRuns(runs).filter((column) => numbersOf(runs, column) !== undefined), [runs])
  const different = columns.filter((column) => differs(runs, column))
  const x = givenX !== undefined && columns.includes(givenX) ? givenX : (different.find((column) => column.startsWith('params.')) ?? different[0])
  const y = givenY !== undefined && columns.includes(givenY) ? givenY : (different.find((column) => column.startsWith('metrics.') && column !== x) ?? different[1])
  const dots = useMemo((): readonly Dot[] => {
    const xs = x === undefined ? undefined : numbersOf(runs, x)
    const ys = y === undefined ? undefined : numbersOf(runs, y)
    return runs.flatMap((run) => {
      const at = { x: xs?.get(run.id), y: ys?.get(run.id) }
      return at.x === undefined || at.y === undefined || (logs.x && at.x <= 0) || (logs.y && at.y <= 0) ? [] : [{ run, x: at.x, y: at.y }]
    })
  }, [runs, x, y, logs])
  const draw = useCallback((width: number) => drawDots(dots, { x: x ?? '', y: y ?? '' }, logs, highlight, width), [dots, x, y, logs, highlight])
  if (x === undefined || y === undefined) return <p className="quiet">It takes two columns of numbers in which the runs differ.</p>
  return (
    <>
      <div className="chart-bar">
        {(['x', 'y'] as const).map((axis) => (
          <span key={axis} className="labelled">
            <label className="labelled">
              {axis === 'x' ? 'Across' : 'Up'}
              <select className="choice" value={axis === 'x' ? x : y} onChange={(event) => onAxes({ x, y, [axis]: event.target.value })}>
                <ColumnOptions columns={columns} />
              </select>
            </label>
            <label className="check">
              <input type="checkbox" checked={logs[axis]} onChange={(event) => setLogs({ ...logs, [axis]: event.target.checked })} /> log
            </label>
          </span>
        ))}
        {dots.length === runs.length ? null : <span className="quiet">{runs.length - dots.length} runs have no place here</span>}
      </div>
      <PlotView label={`${titleOf(y)} against ${titleOf(x)}: ${dots.map((dot) => `${dot.run.name} ${formatFigure(dot.x)}, ${formatFigure(dot.y)}`).slice(0, 30).join('; ')}`} height={HEIGHT} draw={draw}>
        {(drawn) => <Hover drawn={drawn} dots={dots} x={x} y={y} />}
      </PlotView>
    </>
  )
}

function drawDots(dots: readonly Dot[], { x, y }: { readonly x: ColumnId; readonly y: ColumnId }, logs: { readonly x: boolean; readonly y: boolean }, highlight: string | undefined, width: number): Drawn {
  const colors = Array.from({ length: PALETTE }, (_, i) => resolveColor(`run-${i}`))
  const scale = (column: ColumnId, log: boolean) => ({ label: titleOf(column), type: log ? ('log' as const) : ('linear' as const), grid: true, nice: true, inset: 10, ticks: 6, tickFormat: (value: number) => formatFigure(value), labelAnchor: 'center' as const, labelArrow: 'none' as const })
  return Plot.plot({
    width,
    height: HEIGHT,
    marginLeft: 74,
    marginBottom: 46,
    marginRight: 30,
    className: 'plot-svg',
    // Pixels, as they are.
    r: { type: 'identity' },
    x: scale(x, logs.x),
    y: scale(y, logs.y),
    marks: [
      Plot.dot(dots, {
        x: 'x',
        y: 'y',
        r: (dot: Dot) => (highlight === dot.run.id ? 9 : 6),
        fill: (dot: Dot) => colors[dot.run.color % PALETTE] ?? '',
        fillOpacity: (dot: Dot) => (highlight === undefined || highlight === dot.run.id ? 0.9 : 0.2),
        stroke: resolveColor('card'),
        strokeWidth: 1.5,
      }),
      ...(dots.length <= LABELLED ? [Plot.text(dots, { x: 'x', y: 'y', text: (dot: Dot) => dot.run.name, dy: -13, fill: resolveColor('ink-2'), fontSize: 11 })] : []),
    ],
  })
}

function Hover({ drawn, dots, x, y }: { readonly drawn: Drawn; readonly dots: readonly Dot[]; readonly x: ColumnId; readonly y: ColumnId }) {
  const [near, setNear] = useState<{ readonly dot: Dot; readonly left: number; readonly top: number } | null>(null)
  const places = useMemo(() => dots.map((dot) => ({ dot, left: Number(drawn.scale('x')?.apply(dot.x)), top: Number(drawn.scale('y')?.apply(dot.y)) })), [drawn, dots])
  return (
    <div
      className="plot-hover"
      onPointerMove={(event) => {
        const box = event.currentTarget.getBoundingClientRect()
        const distance = (place: { readonly left: number; readonly top: number }): number => Math.hypot(place.left - (event.clientX - box.left), place.top - (event.clientY - box.top))
        const closest = places.toSorted((a, b) => distance(a) - distance(b))[0]
        setNear(closest !== undefined && distance(closest) < 24 ? closest : null)
      }}
      onPointerLeave={() => setNear(null)}
    >
      {near === null ? null : (
        <div className="tip" role="tooltip" style={{ left: near.left, top: near.top - 6 }}>
          <b>{near.dot.run.name}</b>
          <span>
            {titleOf(x)} {formatFigure(near.dot.x)}
          </span>
          <span>
            {titleOf(y)} {formatFigure(near.dot.y)}
          </span>
        </div>
      )}
    </div>
  )
}

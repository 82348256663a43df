import { type FormEvent, useMemo, useState } from 'react'
import { Empty } from '../shared/panel.tsx'
import { Segmented } from '../shared/segmented.tsx'
import type { ChartOptions, XAxis } from './curves.ts'
import type { StepRange } from './history.ts'
import { type ChartRun, MetricChart } from './metric-chart.tsx'

interface ChartGridProps {
  readonly metrics: readonly string[]
  readonly runs: readonly ChartRun[]
  readonly x: XAxis
  readonly highlight?: string
  /** What to say where there are none. */
  readonly empty: string
}

const AXES = [
  { value: 'step', label: 'Step' },
  { value: 'relative', label: 'Elapsed' },
  { value: 'time', label: 'Time' },
] as const satisfies readonly { value: XAxis; label: string }[]

/** All metrics, each in a chart; what is set above holds for every one, and so does a zoom into one of them. */
export function ChartGrid({ metrics, runs, x, highlight, empty }: ChartGridProps) {
  const [options, setOptions] = useState<ChartOptions>({ x, smoothing: 0, logY: false })
  const [range, setRange] = useState<StepRange | undefined>()
  const [wanted, setWanted] = useState('')
  const sections = useMemo(() => sectionsOf(metrics.filter((metric) => metric.toLowerCase().includes(wanted.toLowerCase()))), [metrics, wanted])
  if (metrics.length === 0) return <Empty title="No metrics">{empty}</Empty>
  return (
    <>
      <div className="chart-bar">
        <input className="text-input" type="search" aria-label="Find metrics" placeholder={`Find among ${metrics.length} metrics`} value={wanted} onChange={(event) => setWanted(event.target.value)} />
        <Segmented label="Horizontal axis" options={AXES} value={options.x} onChange={(next) => setOptions({ ...options, x: next })} />
        <label className="labelled">
          <span>Smoothing</span>
          <input type="range" min="0" max="0.99" step="0.01" value={options.smoothing} onChange={(event) => setOptions({ ...options, smoothing: Number(event.target.value) })} />
          <output className="smoothing">{options.smoothing.toFixed(2)}</output>
        </label>
        <label className="check">
          <input type="checkbox" checked={options.logY} onChange={(event) => setOptions({ ...options, logY: event.target.checked })} /> Log scale
        </label>
        {options.x === 'step' ? <ZoomForm range={range} onRange={setRange} /> : null}
      </div>
      {sections.length === 0 ? <p className="quiet">No metric has such a name.</p> : null}
      {sections.map(({ name, metrics: own }) => (
        <section key={name} aria-label={name === '' ? 'Metrics' : name}>
          {name === '' ? null : <h3>{name}</h3>}
          <div className="chart-grid">
            {own.map((metric) => (
              <MetricChart key={metric} metric={metric} title={name === '' ? metric : metric.slice(name.length + 1)} runs={runs} options={options} range={range} onRange={setRange} highlight={highlight} />
            ))}
          </div>
        </section>
      ))}
    </>
  )
}

/** Zooming without a pointer, and to the step. */
function ZoomForm({ range, onRange }: { readonly range: StepRange | undefined; readonly onRange: (range: StepRange | undefined) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const from = Number(form.get('from') || 0)
    const to = Number(form.get('to'))
    if (Number.isFinite(from) && Number.isFinite(to) && to > from) onRange({ from, to })
  }
  return (
    <form className="zoom labelled" onSubmit={submit} key={`${range?.from} ${range?.to}`}>
      <span>Steps</span>
      <input className="text-input" name="from" inputMode="numeric" aria-label="From step" placeholder="first" defaultValue={range?.from ?? ''} />
      <span aria-hidden="true">–</span>
      <input className="text-input" name="to" inputMode="numeric" aria-label="To step" placeholder="last" defaultValue={range?.to ?? ''} />
      <button type="submit" className="plain">
        Zoom
      </button>
      {range === undefined ? null : (
        <button type="button" className="plain" onClick={() => onRange(undefined)}>
          All steps
        </button>
      )}
    </form>
  )
}

/** By the part of the name before its last slash, as `train/loss` asks for; what has none comes first, and what the machine did last. */
function sectionsOf(metrics: readonly string[]): readonly { readonly name: string; readonly metrics: readonly string[] }[] {
  const sections = new Map<string, string[]>()
  for (const metric of metrics.toSorted()) {
    const name = metric.slice(0, Math.max(0, metric.lastIndexOf('/')))
    sections.set(name, [...(sections.get(name) ?? []), metric])
  }
  return [...sections].sort(([a], [b]) => Number(a === 'system') - Number(b === 'system') || (a < b ? -1 : 1)).map(([name, own]) => ({ name, metrics: own }))
}

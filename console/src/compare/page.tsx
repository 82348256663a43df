import { useQueries } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Suspense, lazy, useEffect, useMemo, useState } from 'react'
import type { Run } from '../../../src/api/tracking.ts'
import { ChartGrid } from '../charts/chart-grid.tsx'
import { type ChartRun, PALETTE } from '../charts/metric-chart.tsx'
import { parseColumns, writeColumns } from '../runs/search.ts'
import { Frame } from '../shared/frame.tsx'
import { Empty } from '../shared/panel.tsx'
import { Tabs } from '../shared/tabs.tsx'
import { ask } from '../tracking/ask.ts'
import { Differences } from './differences.tsx'
import type { CompareSearch, CompareTab } from './search.ts'
import { type ComparedRun, comparedRun } from './values.ts'

const ParallelView = lazy(async () => ({ default: (await import('./parallel.tsx')).ParallelView }))
const ScatterView = lazy(async () => ({ default: (await import('./scatter.tsx')).ScatterView }))

const TABS: readonly { readonly value: CompareTab; readonly label: string }[] = [
  { value: 'curves', label: 'Curves' },
  { value: 'differences', label: 'Differences' },
  { value: 'parallel', label: 'Parallel coordinates' },
  { value: 'scatter', label: 'Scatter' },
]
const MOST = 100

/** Runs against one another. */
export function ComparePage() {
  const search = useSearch({ from: '/compare' })
  const navigate = useNavigate({ from: '/compare' })
  const [highlight, setHighlight] = useState<string>()
  const ids = useMemo(() => [...new Set(search.runs.split(',').filter((id) => id !== ''))].slice(0, MOST), [search.runs])
  useEffect(() => {
    document.title = 'Compare runs · Millrace'
  }, [])
  const found = useQueries({
    queries: ids.map((runId) => ({
      queryKey: ['run', runId],
      queryFn: async ({ signal }: { signal: AbortSignal }) => (await ask<{ run: Run }>('GET', 'mlflow/runs/get', { query: { run_id: runId }, signal })).run,
      staleTime: 10_000,
    })),
    combine: (results) => ({ runs: results.map(({ data }) => data), errors: results.flatMap(({ error }) => error ?? []) }),
  })
  const runs = useMemo(() => found.runs.flatMap((run, i): ComparedRun[] => (run === undefined ? [] : [comparedRun(run, i)])), [found.runs])
  const chartRuns = useMemo(() => runs.map(({ id, name, color, run }): ChartRun => ({ runId: id, name, color, running: run.info.status === 'RUNNING' })), [runs])
  const metrics = useMemo(() => [...new Set(runs.flatMap(({ run }) => (run.data.metrics ?? []).map(({ key }) => key)))], [runs])
  const change = (next: Partial<CompareSearch>): void => void navigate({ search: { ...search, ...next }, replace: true, resetScroll: false })
  const drop = (id: string): void => {
    setHighlight(undefined)
    change({ runs: ids.filter((one) => one !== id).join(',') })
  }
  const tab = search.tab ?? 'curves'
  const waiting = found.runs.some((run) => run === undefined) && found.errors.length === 0
  return (
    <Frame skip="Skip to the comparison">
      <div className="page-head">
        <nav aria-label="Where this is" className="crumbs">
          <Link to="/experiments">Experiments</Link>
        </nav>
        <h1>Compare {ids.length} runs</h1>
      </div>
      {found.errors.map((error) => (
        <Empty key={error.message} title="A run cannot be had" error>
          {error.message}
        </Empty>
      ))}
      {ids.length === 0 ? <Empty title="No runs to compare">Select some in the table of an experiment.</Empty> : null}
      <section className="panel">
        <ul className="legend" aria-label="Runs" onPointerLeave={() => setHighlight(undefined)}>
          {runs.map(({ id, name, color, run }) => (
            <li key={id} className={`chip ${highlight === id ? 'chip-on' : ''}`} onPointerEnter={() => setHighlight(id)}>
              <i className={`swatch run-${color % PALETTE}`} aria-hidden="true" />
              <Link to="/experiments/$experimentId/runs/$runId" params={{ experimentId: run.info.experiment_id, runId: id }} onFocus={() => setHighlight(id)} onBlur={() => setHighlight(undefined)}>
                {name}
              </Link>
              <button type="button" className="filter-clear" aria-label={`Leave ${name} out`} onClick={() => drop(id)}>
                ×
              </button>
            </li>
          ))}
        </ul>
        <Tabs label="Ways to compare" tabs={TABS} value={tab} onChange={(next) => change({ tab: next })}>
          {waiting ? (
            <p className="quiet">Asking for {ids.length} runs…</p>
          ) : (
            <Suspense fallback={<p className="quiet">…</p>}>
              {tab === 'curves' ? <ChartGrid metrics={metrics} runs={chartRuns} x="step" empty="None of these runs has logged any." {...(highlight === undefined ? {} : { highlight })} /> : null}
              {tab === 'differences' ? <Differences runs={runs} /> : null}
              {tab === 'parallel' ? <ParallelView runs={runs} axes={parseColumns(search.axes)} onAxes={(axes) => change({ axes: writeColumns(axes) })} highlight={highlight} /> : null}
              {tab === 'scatter' ? <ScatterView runs={runs} x={search.x} y={search.y} onAxes={change} highlight={highlight} /> : null}
            </Suspense>
          )}
        </Tabs>
      </section>
    </Frame>
  )
}

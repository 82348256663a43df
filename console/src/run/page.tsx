import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { type ReactNode, useEffect, useMemo } from 'react'
import type { Experiment, FileInfo, Run } from '../../../src/api/tracking.ts'
import { ArtifactBrowser } from '../artifacts/browser.tsx'
import { ChartGrid } from '../charts/chart-grid.tsx'
import type { ChartRun } from '../charts/metric-chart.tsx'
import { Frame } from '../shared/frame.tsx'
import { Empty } from '../shared/panel.tsx'
import { Tabs } from '../shared/tabs.tsx'
import { artifactUrl, ask } from '../tracking/ask.ts'
import { RunOverview } from './overview.tsx'
import type { RunTab } from './search.ts'

const POLL_MS = 5000
const SYSTEM = 'system/'

/** One run. */
export function RunPage() {
  const { experimentId, runId } = useParams({ from: '/experiments/$experimentId/runs/$runId' })
  const { tab = 'overview', path } = useSearch({ from: '/experiments/$experimentId/runs/$runId' })
  const navigate = useNavigate({ from: '/experiments/$experimentId/runs/$runId' })
  const { data: run, error } = useQuery({
    queryKey: ['run', runId],
    queryFn: async ({ signal }) => (await ask<{ run: Run }>('GET', 'mlflow/runs/get', { query: { run_id: runId }, signal })).run,
    refetchInterval: ({ state }) => (state.data?.info.status === 'RUNNING' ? POLL_MS : false),
  })
  const experiment = useQuery({
    queryKey: ['experiment', experimentId],
    queryFn: async ({ signal }) => (await ask<{ experiment: Experiment }>('GET', 'mlflow/experiments/get', { query: { experiment_id: experimentId }, signal })).experiment,
  })
  useEffect(() => {
    document.title = `${run?.info.run_name ?? 'Run'} · Millrace`
  }, [run])
  const keys = useMemo(() => (run?.data.metrics ?? []).map(({ key }) => key), [run])
  const chartRuns = useMemo((): readonly ChartRun[] => (run === undefined ? [] : [{ runId, name: run.info.run_name, color: 0, running: run.info.status === 'RUNNING' }]), [run?.info.run_name, run?.info.status, runId])
  const parent = run?.data.tags?.find(({ key }) => key === 'mlflow.parentRunId')?.value
  const metrics = keys.filter((key) => !key.startsWith(SYSTEM))
  const system = keys.filter((key) => key.startsWith(SYSTEM))
  const counted = (label: string, count: number) => (
    <>
      {label} {count === 0 ? null : <span className="tab-count">{count}</span>}
    </>
  )
  const tabs: readonly { value: RunTab; label: ReactNode }[] = [
    { value: 'overview', label: 'Overview' },
    { value: 'metrics', label: counted('Metrics', metrics.length) },
    { value: 'system', label: counted('System metrics', system.length) },
    { value: 'artifacts', label: 'Artifacts' },
  ]
  return (
    <Frame skip="Skip to the run">
      <div className="page-head">
        <nav aria-label="Where this is" className="crumbs">
          <Link to="/experiments">Experiments</Link> <span aria-hidden="true">/</span>{' '}
          <Link to="/experiments/$experimentId" params={{ experimentId }}>
            {experiment.data?.name ?? experimentId}
          </Link>
          {parent === undefined ? null : (
            <>
              {' '}
              <span aria-hidden="true">/</span>{' '}
              <Link to="/experiments/$experimentId/runs/$runId" params={{ experimentId, runId: parent }}>
                parent run
              </Link>
            </>
          )}
        </nav>
        <h1>{run?.info.run_name ?? (error === null ? '…' : 'Run')}</h1>
        {run === undefined ? null : <span className={`verdict state-${run.info.status.toLowerCase()}`}>{run.info.status.toLowerCase()}</span>}
        {run?.info.lifecycle_stage === 'deleted' ? <span className="verdict verdict-refused">deleted</span> : null}
      </div>
      {error !== null && run === undefined ? (
        <Empty title="This run cannot be had" error>
          {error.message}
        </Empty>
      ) : run === undefined ? null : (
        <section className="panel">
          <Tabs label="Parts of the run" tabs={tabs} value={tab} onChange={(next) => void navigate({ search: next === 'overview' ? {} : { tab: next }, replace: true, resetScroll: false })}>
            {tab === 'overview' ? <RunOverview run={run} /> : null}
            {tab === 'metrics' ? <ChartGrid key="metrics" metrics={metrics} runs={chartRuns} x="step" empty="mlflow.log_metric brings them about." /> : null}
            {tab === 'system' ? <ChartGrid key="system" metrics={system} runs={chartRuns} x="relative" empty="A run has them when its client calls mlflow.enable_system_metrics_logging()." /> : null}
            {tab === 'artifacts' ? (
              <ArtifactBrowser
                id={runId}
                list={(folder, signal) => listFolder(runId, folder, signal)}
                fileUrl={(file) => artifactUrl(runId, file)}
                selected={path}
                onSelect={(file) => void navigate({ search: { tab: 'artifacts', path: file }, resetScroll: false })}
              />
            ) : null}
          </Tabs>
        </section>
      )}
    </Frame>
  )
}

async function listFolder(runId: string, folder: string, signal: AbortSignal): Promise<readonly FileInfo[]> {
  const { files = [] } = await ask<{ files?: readonly FileInfo[] }>('GET', 'mlflow/artifacts/list', { query: { run_id: runId, ...(folder === '' ? {} : { path: folder }) }, signal })
  return files.toSorted((a, b) => Number(b.is_dir) - Number(a.is_dir) || a.path.localeCompare(b.path))
}

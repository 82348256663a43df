import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Suspense, lazy } from 'react'
import type { DatasetInput, ModelVersion, Run } from '../../../src/api/tracking.ts'
import { formatMoment } from '../runs/cells.ts'
import { type Fact, Facts, Pairs } from '../shared/facts.tsx'
import { ask } from '../tracking/ask.ts'
import { quoted } from '../tracking/keys.ts'
import { formatDuration, formatFigure, fromDouble } from '../tracking/values.ts'

const MarkdownView = lazy(async () => ({ default: (await import('../artifacts/markdown.tsx')).MarkdownView }))

const NOTE = 'mlflow.note.content'
/** Tags of MLflow's own that are shown as facts, or say nothing to a reader. */
const SHOWN_ELSEWHERE = new Set([NOTE, 'mlflow.runName', 'mlflow.user', 'mlflow.source.name', 'mlflow.source.type', 'mlflow.source.git.commit', 'mlflow.parentRunId', 'mlflow.log-model.history'])

export function RunOverview({ run }: { readonly run: Run }) {
  const { data, info, inputs } = run
  const tags = data.tags ?? []
  const note = tags.find(({ key }) => key === NOTE)?.value
  const datasets = inputs?.dataset_inputs ?? []
  const others = tags.filter(({ key }) => !SHOWN_ELSEWHERE.has(key))
  return (
    <>
      <Facts facts={factsOf(run)} />
      {note === undefined || note === '' ? null : (
        <Suspense fallback={null}>
          <MarkdownView text={note} />
        </Suspense>
      )}
      <div className="columns-3">
        <section aria-labelledby="run-metrics">
          <h3 id="run-metrics">
            Metrics <span className="tab-count">{data.metrics?.length ?? 0}</span>
          </h3>
          <Pairs what="metrics" numeric pairs={(data.metrics ?? []).map(({ key, value, step }) => ({ key, value: formatFigure(fromDouble(value)), note: `${String(value)} at step ${step}` }))} />
        </section>
        <section aria-labelledby="run-params">
          <h3 id="run-params">
            Parameters <span className="tab-count">{data.params?.length ?? 0}</span>
          </h3>
          <Pairs what="parameters" pairs={data.params ?? []} />
        </section>
        <section aria-labelledby="run-inputs">
          <h3 id="run-inputs">Data sets</h3>
          {datasets.length === 0 ? <p className="quiet">None.</p> : <ul className="datasets">{datasets.map((input) => <DatasetLine key={`${input.dataset.name} ${input.dataset.digest}`} input={input} />)}</ul>}
          <RegisteredVersions runId={info.run_id} />
          <h3>Tags</h3>
          <Pairs what="tags" pairs={others} />
        </section>
      </div>
    </>
  )
}

function factsOf({ info, data }: Run): readonly Fact[] {
  const tag = (key: string): string | undefined => (data.tags ?? []).find((one) => one.key === key)?.value
  const commit = tag('mlflow.source.git.commit')
  const fact = (name: string, value: Fact['value'] | undefined): readonly Fact[] => (value === undefined || value === '' ? [] : [{ name, value }])
  return [
    ...fact('Started', formatMoment(info.start_time)),
    ...fact('Duration', info.end_time === undefined ? undefined : formatDuration(info.end_time - info.start_time)),
    ...fact('User', info.user_id || tag('mlflow.user')),
    ...fact('Source', tag('mlflow.source.name')),
    ...fact('Commit', commit === undefined ? undefined : <code title={commit}>{commit.slice(0, 10)}</code>),
    ...fact('Run ID', <code>{info.run_id}</code>),
  ]
}

function DatasetLine({ input: { dataset, tags } }: { readonly input: DatasetInput }) {
  const context = tags?.find(({ key }) => key === 'mlflow.data.context')?.value
  return (
    <li>
      <b>{dataset.name}</b> {context === undefined ? null : <span className="badge">{context}</span>}
      <div className="quiet">
        <code>{dataset.digest}</code> {dataset.source_type}
      </div>
      {dataset.profile === undefined ? null : <div className="quiet dataset-profile">{dataset.profile.slice(0, 200)}</div>}
    </li>
  )
}

function RegisteredVersions({ runId }: { readonly runId: string }) {
  const { data } = useQuery({
    queryKey: ['versions of run', runId],
    queryFn: async ({ signal }) => (await ask<{ model_versions?: readonly ModelVersion[] }>('GET', 'mlflow/model-versions/search', { query: { filter: `run_id = ${quoted(runId)}`, max_results: 20 }, signal })).model_versions ?? [],
  })
  if (data === undefined || data.length === 0) return null
  return (
    <>
      <h3>Registered as</h3>
      <ul className="datasets">
        {data.map(({ name, version, aliases }) => (
          <li key={`${name} ${version}`}>
            <Link to="/models/$name/versions/$version" params={{ name, version: String(version) }}>
              {name} v{version}
            </Link>{' '}
            {(aliases ?? []).map((alias) => (
              <span key={alias} className={`badge ${alias === 'champion' ? 'badge-champion' : ''}`}>
                {alias}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </>
  )
}

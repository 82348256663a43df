import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Experiment, RunInfo } from '../../../src/api/tracking.ts'
import { formatCount } from '../shared/format.ts'
import { Frame } from '../shared/frame.tsx'
import { Empty } from '../shared/panel.tsx'
import { AskError, ask } from '../tracking/ask.ts'
import type { ColumnId } from '../tracking/keys.ts'
import { columnsOf, countOf } from '../tracking/summary.ts'
import { ATTRIBUTE_COLUMNS } from './cells.ts'
import { ColumnsPanel } from './columns-panel.tsx'
import type { FeedQuery } from './feed.ts'
import { FilterBox } from './filter-box.tsx'
import { GroupChoice } from './group-choice.tsx'
import { type RunsSearch, orderBy, parseColumns, parseOrder, parseRunsSearch, shownColumns, writeColumns, writeOrder } from './search.ts'
import { RunTable, type Selection } from './table.tsx'
import { type Sections, useSections } from './use-sections.ts'
import { Views } from './views.tsx'

const MOST_COMPARED = 100
const MOST_VALUES = 200
const NONE: readonly ColumnId[] = []

/** The runs of an experiment. */
export function RunsPage() {
  const { experimentId } = useParams({ from: '/experiments/$experimentId' })
  const search = useSearch({ from: '/experiments/$experimentId' })
  const navigate = useNavigate({ from: '/experiments/$experimentId' })
  const [choosing, setChoosing] = useState(false)
  const [selected, setSelected] = useState<ReadonlyMap<string, RunInfo>>(new Map())
  const experiment = useQuery({
    queryKey: ['experiment', experimentId],
    queryFn: async ({ signal }) => (await ask<{ experiment: Experiment }>('GET', 'mlflow/experiments/get', { query: { experiment_id: experimentId }, signal })).experiment,
  })
  useEffect(() => {
    document.title = `${experiment.data?.name ?? 'Experiment'} · Millrace`
  }, [experiment.data])

  const order = useMemo(() => parseOrder(search.order), [search.order])
  const filter = search.filter ?? ''
  const view = search.view === 'deleted' ? 'DELETED_ONLY' : 'ACTIVE_ONLY'
  const query = useMemo((): FeedQuery => ({ experimentIds: [experimentId], filter, orderBy: orderBy(order), view }), [experimentId, filter, order, view])
  const count = useQuery({ queryKey: ['count', experimentId, filter, view], queryFn: ({ signal }) => countOf(query, signal), retry: false })
  const keys = useQuery({ queryKey: ['columns', experimentId], queryFn: ({ signal }) => columnsOf([experimentId], signal) })
  const total = count.data ?? undefined
  const group = parseColumns(search.group)?.[0]
  const sections = useSections(query, group, total)
  const { feeds } = sections

  const known = useKnownColumns(experimentId, keys.data ?? NONE, sections)
  const columns = useMemo(() => shownColumns(search, known), [search, known])
  const vocabulary = useMemo(
    () => ({ columns: known, valuesOf: (column: ColumnId) => [...new Set(feeds.flatMap((feed) => feed.valuesOf(column, MOST_VALUES)))].sort() }),
    [known, feeds],
  )
  const error = feeds.map((feed) => feed.error).find((one) => one !== undefined) ?? sections.error ?? undefined
  const filterError = error instanceof AskError && error.status === 400 ? error.message : undefined

  const change = (next: Partial<Record<keyof RunsSearch, string | undefined>>): void => {
    // Read again, which puts its parts in order: the same view has one address.
    void navigate({ search: parseRunsSearch({ ...search, ...next }), resetScroll: false })
  }
  const selection = useMemo(
    (): Selection => ({
      size: selected.size,
      has: (runId) => selected.has(runId),
      toggle: (infos, on) => {
        const next = new Map(selected)
        for (const info of infos) {
          if (on) next.set(info.run_id, info)
          else next.delete(info.run_id)
        }
        setSelected(next)
      },
    }),
    [selected],
  )
  const setColumns = (next: readonly ColumnId[]): void => change({ columns: next.length === 0 ? 'attributes.start_time' : writeColumns(next), hidden: undefined })
  const seen = feeds.reduce((sum, feed) => sum + feed.count, 0)
  const done = feeds.every((feed) => feed.done)

  return (
    <Frame skip="Skip to the runs" wide>
      <div className="page-head">
        <nav aria-label="Where this is" className="crumbs">
          <Link to="/experiments">Experiments</Link>
        </nav>
        <h1>{experiment.data?.name ?? (experiment.error === null ? '…' : `Experiment ${experimentId}`)}</h1>
        <p className="quiet" role="status">
          {error !== undefined || (group !== undefined && total === undefined) ? '' : `${countText(total, seen, done)} · ${formatCount(columns.length)} columns`}
        </p>
      </div>
      <div className="runs-bar">
        <FilterBox value={filter} onSubmit={(next) => change({ filter: next })} vocabulary={vocabulary} error={filterError} />
        <GroupChoice known={known} value={group} onChange={(next) => change({ group: next === undefined ? undefined : writeColumns([next]) })} />
        <label className="check">
          <input type="checkbox" checked={search.view === 'deleted'} onChange={(event) => change({ view: event.target.checked ? 'deleted' : undefined })} /> Deleted
        </label>
        <div className="anchored">
          <button type="button" className="plain" aria-expanded={choosing} onClick={() => setChoosing(!choosing)}>
            Columns
          </button>
          {choosing ? (
            <ColumnsPanel known={[...ATTRIBUTE_COLUMNS, ...known]} shown={columns} onChange={setColumns} onReset={() => change({ columns: undefined, hidden: undefined })} onClose={() => setChoosing(false)} />
          ) : null}
        </div>
        {experiment.data === undefined ? null : <Views experiment={experiment.data} search={search} />}
      </div>
      {error !== undefined && filterError === undefined ? (
        <Empty title="The runs cannot be had" error>
          {error.message}{' '}
          <button type="button" className="plain" onClick={() => feeds.forEach((feed) => feed.retry())}>
            Ask again
          </button>
        </Empty>
      ) : null}
      {seen === 0 && done && feeds.length > 0 && group === undefined ? (
        <Empty title={filter === '' ? 'No runs here yet' : 'No run fits this filter'}>
          {filter === '' ? 'A run appears as soon as a client starts it: point MLFLOW_TRACKING_URI here and call mlflow.start_run().' : 'Loosen it, or clear it.'}
        </Empty>
      ) : (
        <RunTable
          label={`Runs of ${experiment.data?.name ?? experimentId}`}
          rows={sections.rows}
          version={sections.version}
          total={group === undefined ? total : undefined}
          columns={columns}
          order={order}
          onOrder={(next) => change({ order: next === undefined ? undefined : writeOrder(next) })}
          selection={selection}
          open={sections.open}
          onToggle={sections.toggle}
        />
      )}
      {selected.size === 0 ? null : (
        <div className="selection-bar" role="region" aria-label="Selected runs">
          <b>
            {formatCount(selected.size)} {selected.size === 1 ? 'run' : 'runs'} selected
          </b>
          {selected.size > MOST_COMPARED ? (
            <span className="quiet">at most {MOST_COMPARED} can be compared</span>
          ) : (
            <Link className="strong" to="/compare" search={{ runs: [...selected.keys()].join(',') }}>
              {selected.size === 1 ? 'Look closer' : 'Compare'}
            </Link>
          )}
          <button type="button" className="plain" onClick={() => setSelected(new Map())}>
            Clear
          </button>
        </div>
      )}
    </Frame>
  )
}

function countText(total: number | undefined, seen: number, done: boolean): string {
  const count = total ?? seen
  return `${formatCount(count)}${total === undefined && !done ? '+' : ''} ${count === 1 ? 'run' : 'runs'}`
}

/** All columns met in this experiment, in alphabetical order. Another filter or order takes none away, and the list stays the same while nothing new is met. */
function useKnownColumns(experimentId: string, told: readonly ColumnId[], { feeds, version }: Sections): readonly ColumnId[] {
  const met = useRef<{ readonly of: string; readonly columns: readonly ColumnId[] }>({ of: '', columns: [] })
  return useMemo(() => {
    const before = met.current.of === experimentId ? met.current.columns : []
    const all = new Set([...before, ...told, ...feeds.flatMap((feed) => [...feed.columns.keys()])].filter((column) => !column.startsWith('attributes.')))
    if (all.size !== before.length || met.current.of !== experimentId) met.current = { of: experimentId, columns: [...all].sort() }
    return met.current.columns
  }, [experimentId, told, feeds, version])
}

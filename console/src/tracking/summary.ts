import type { Run, RunsSummary } from '../../../src/api/tracking.ts'
import { ask, isNoEndpoint } from './ask.ts'
import { type ColumnId, columnId, inSearch, parseColumn } from './keys.ts'

export interface RunsQuestion {
  readonly experimentIds: readonly string[]
  readonly filter: string
  readonly view: 'ACTIVE_ONLY' | 'DELETED_ONLY'
}

export interface Group {
  /** null: runs without a value. */
  readonly value: string | null
  /** Absent where the server does not count. */
  readonly count?: number
}

/** What Millrace's own tracking service adds; another MLflow server answers 404. */
const SUMMARY = 'millrace/runs/summary'
const LOOKED_AT = 2000

const bodyOf = ({ experimentIds, filter, view }: RunsQuestion) => ({ experiment_ids: experimentIds, run_view_type: view, ...(filter === '' ? {} : { filter }) })

/** How many runs a search has, or undefined where the server does not say. */
export async function countOf(question: RunsQuestion, signal: AbortSignal): Promise<number | null> {
  return orAbsent(async () => (await ask<RunsSummary>('GET', SUMMARY, { query: bodyOf(question), signal })).count)
}

/** The keys that runs of these experiments have, or null where the server does not say. */
export async function columnsOf(experimentIds: readonly string[], signal: AbortSignal): Promise<readonly ColumnId[] | null> {
  return orAbsent(async () => {
    const { columns } = await ask<RunsSummary>('GET', SUMMARY, { query: { experiment_ids: experimentIds, columns: 'true' }, signal })
    return columns === undefined ? [] : (['metrics', 'params', 'tags'] as const).flatMap((kind) => columns[kind].map((key) => columnId(kind, key)))
  })
}

/** The values of a parameter, tag or attribute, most runs first. A server that does not count is asked for runs, and the values seen in them are the groups. */
export async function groupsOf(question: RunsQuestion, column: ColumnId, signal: AbortSignal): Promise<readonly Group[]> {
  const counted = await orAbsent(async () => (await ask<RunsSummary>('GET', SUMMARY, { query: { ...bodyOf(question), group_by: inSearch(column) }, signal })).groups ?? [])
  if (counted !== null) return counted
  const { runs = [] } = await ask<{ runs?: readonly Run[] }>('POST', 'mlflow/runs/search', { body: { ...bodyOf(question), max_results: LOOKED_AT }, signal })
  const { kind, key } = parseColumn(column) ?? { kind: 'params', key: column }
  const values = new Set(runs.map(({ data, info }) => (kind === 'attributes' ? (key === 'user_id' ? info.user_id : info.status) : (data[kind].find((pair) => pair.key === key)?.value ?? null))))
  return [...values].map((value) => ({ value: value === null ? null : String(value) }))
}

async function orAbsent<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (isNoEndpoint(error)) return null
    throw error
  }
}

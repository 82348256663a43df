import type { Transaction } from 'kysely'
import type { Database, Outcome } from '../../../platform/db/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { invalid } from '../../mlflow/errors.ts'
import type { TrackingSchema } from '../../tables.ts'
import { insertModelMetrics } from '../logged-models/store.ts'
import { type MetricRow, isNewer, toRow } from './metrics.ts'
import { FIND_PARAMS, INSERT_METRICS, INSERT_PARAMS, LOCK_RUNS, RENAME_RUNS, TOUCH_RUNS, UPSERT_LATEST, UPSERT_TAGS } from './statements.ts'
import { NAME_TAG } from './names.ts'
import type { RunLog } from './writer.ts'

/** The log of the requests of one group: later ones see what earlier ones of the group have logged. */
export async function commitLogs(db: Database<TrackingSchema>, trx: Transaction<TrackingSchema>, logs: readonly RunLog[]): Promise<readonly Outcome<void>[]> {
  const ids = [...new Set(logs.map(({ runId }) => runId))].sort()
  const runs = new Map((await db.each(trx, LOCK_RUNS, ids.map((id) => [id]))).map(([id, stage, name, experimentId]) => [id, { stage, name, experimentId }]))
  const params = await findParams(db, trx, logs)
  const newParams = new Map<string, readonly [string, string, string]>()
  const accepted: RunLog[] = []
  const outcomes = logs.map((log): Outcome<void> => {
    const error = refusal(log, runs.get(log.runId)?.stage, params)
    if (error !== undefined) return { error }
    accepted.push(log)
    for (const { key, value } of log.params) {
      const name = nameOf(log.runId, key)
      if (params.has(name)) continue
      params.set(name, value)
      newParams.set(name, [log.runId, key, value])
    }
    return { result: undefined }
  })
  if (newParams.size > 0) await db.each(trx, INSERT_PARAMS, [...newParams.values()])
  await writeMetrics(db, trx, accepted, (runId) => runs.get(runId)?.experimentId ?? 0)
  await writeTags(db, trx, accepted, (runId) => runs.get(runId)?.name)
  const touched = ids.length === 1 || accepted.length === logs.length ? ids : [...new Set(accepted.map(({ runId }) => runId))]
  if (accepted.length > 0) await db.each(trx, TOUCH_RUNS, touched.map((id) => [id]))
  return outcomes
}

async function findParams(db: Database<TrackingSchema>, trx: Transaction<TrackingSchema>, logs: readonly RunLog[]): Promise<Map<string, string>> {
  const wanted = new Map(logs.flatMap(({ runId, params }) => params.map(({ key }) => [nameOf(runId, key), [runId, key]] as const)))
  if (wanted.size === 0) return new Map()
  const found = await db.each(trx, FIND_PARAMS, [...wanted.values()])
  return new Map(found.map(([runId, key, value]) => [nameOf(runId, key), value]))
}

/** Ids hold no slash, so no two keys of two runs give one name. */
function nameOf(runId: string, key: string): string {
  return `${runId}/${key}`
}

function refusal({ runId, params }: RunLog, stage: string | undefined, stored: ReadonlyMap<string, string>): MillraceError | undefined {
  if (stage === undefined) return new MillraceError('NOT_FOUND', `Run with id=${runId} not found`)
  if (stage !== 'active') return invalid(`The run ${runId} must be in the 'active' state. Current state is ${stage}.`)
  const what = params.flatMap(({ key, value }) => {
    const old = stored.get(nameOf(runId, key))
    return old === undefined || old === value ? [] : [`Param with key='${key}' was already logged with value='${old}'. Attempted logging new value '${value}'.`]
  })
  return what.length === 0 ? undefined : invalid(`Changing param values is not allowed for run ID='${runId}'. ${what.join(' ')}`)
}

async function writeMetrics(db: Database<TrackingSchema>, trx: Transaction<TrackingSchema>, logs: readonly RunLog[], experimentOf: (runId: string) => number): Promise<void> {
  const rows: (string | number)[][] = []
  const latest = new Map<string, MetricRow>()
  for (const { runId, metrics } of logs) {
    for (const point of metrics) {
      const row = toRow(runId, point)
      rows.push(valuesOf(row))
      const name = nameOf(runId, row.key)
      const other = latest.get(name)
      if (other === undefined || isNewer(row, other)) latest.set(name, row)
    }
    await insertModelMetrics(trx, runId, metrics)
  }
  if (rows.length === 0) return
  await db.each(trx, INSERT_METRICS, rows)
  await db.each(trx, UPSERT_LATEST, [...latest.values()].map((row) => [...valuesOf(row), experimentOf(row.run_id)]))
}

function valuesOf({ run_id, key, timestamp, step, value, is_nan }: MetricRow): (string | number)[] {
  return [run_id, key, timestamp, step, value, is_nan]
}

async function writeTags(db: Database<TrackingSchema>, trx: Transaction<TrackingSchema>, logs: readonly RunLog[], nameOfRun: (runId: string) => string | undefined): Promise<void> {
  const tags = new Map<string, readonly [string, string, string]>()
  const names = new Map<string, string>()
  for (const log of logs) {
    for (const { key, value } of log.tags) {
      tags.set(nameOf(log.runId, key), [log.runId, key, value])
      if (key === NAME_TAG) names.set(log.runId, value)
    }
  }
  if (tags.size === 0) return
  await db.each(trx, UPSERT_TAGS, [...tags.values()])
  const renamed = [...names].filter(([runId, name]) => nameOfRun(runId) !== name)
  if (renamed.length > 0) await db.each(trx, RENAME_RUNS, renamed)
}

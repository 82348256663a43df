import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Metric } from '../../../api/tracking.ts'
import { fromDouble } from '../../mlflow/fields.ts'
import { ascending, readPage } from '../../search/index.ts'
import { chunksOf } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'

export type MetricRow = Selectable<TrackingSchema['metrics']>

/** A point as logged. */
export interface MetricPoint {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly step: number
  readonly modelId?: string
  readonly datasetName?: string
  readonly datasetDigest?: string
}

const LARGEST_HISTORY_PAGE = 25_000

export function toRow(runId: string, { key, value, timestamp, step }: MetricPoint): MetricRow {
  const isNan = Number.isNaN(value)
  return { run_id: runId, key, timestamp, step, value: isNan ? 0 : value, is_nan: isNan ? 1 : 0 }
}

export function presentMetric(row: Pick<MetricRow, 'key' | 'value' | 'is_nan' | 'timestamp' | 'step'>): Metric {
  return { key: row.key, value: fromDouble(row.is_nan === 1 ? Number.NaN : row.value), timestamp: row.timestamp, step: row.step }
}

/**
 * Stores points and moves each metric's latest value on. A point that is there already stays one; statements go in order of key, so that concurrent
 * batches of one run wait for one another and do not deadlock.
 */
export async function insertMetrics(trx: Queries, runId: string, points: readonly MetricPoint[]): Promise<void> {
  const rows = points.map((point) => toRow(runId, point))
  for (const chunk of chunksOf(rows)) await trx.insertInto('metrics').values([...chunk]).onConflict((c) => c.doNothing()).execute()

  const latest = new Map<string, MetricRow>()
  for (const row of rows) {
    const other = latest.get(row.key)
    if (other === undefined || isNewer(row, other)) latest.set(row.key, row)
  }
  const ordered = [...latest.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const chunk of chunksOf(ordered)) {
    await trx
      .insertInto('latest_metrics')
      .values([...chunk])
      .onConflict((c) =>
        c
          .columns(['run_id', 'key'])
          .doUpdateSet((e) => ({
            timestamp: e.ref('excluded.timestamp'),
            step: e.ref('excluded.step'),
            value: e.ref('excluded.value'),
            is_nan: e.ref('excluded.is_nan'),
          }))
          .where(
            sql<boolean>`(excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`,
          ),
      )
      .execute()
  }
}

/** MLflow's order of points: step, then timestamp, then value. */
function isNewer(a: MetricRow, b: MetricRow): boolean {
  if (a.step !== b.step) return a.step > b.step
  return a.timestamp === b.timestamp ? a.value > b.value : a.timestamp > b.timestamp
}

/** A page of the points of one metric, by timestamp, step, value. */
async function readHistoryPage(db: Queries, runId: string, key: string, limit: number, token: string | undefined) {
  const page = await readPage<MetricRow>(db, {
    select: sql`metrics.key, metrics.value, metrics.is_nan, metrics.timestamp, metrics.step`,
    from: sql`metrics`,
    where: [sql`metrics.run_id = ${runId}`, sql`metrics.key = ${key}`],
    order: [
      ascending('number', sql`metrics.timestamp`),
      ascending('number', sql`metrics.step`),
      ascending('number', sql`metrics.is_nan`),
      ascending('number', sql`metrics.value`),
    ],
    limit,
    token,
    question: ['history', runId, key],
  })
  return { metrics: page.rows.map(presentMetric), next: page.next }
}

/** Without `maxResults` all points, as MLflow's clients expect of one call. */
export async function readHistory(db: Queries, runId: string, key: string, maxResults: number | undefined, token: string | undefined) {
  if (maxResults !== undefined) return readHistoryPage(db, runId, key, Math.min(maxResults, LARGEST_HISTORY_PAGE), token)
  const first = await readHistoryPage(db, runId, key, LARGEST_HISTORY_PAGE, token)
  const metrics = [...first.metrics]
  for (let next = first.next; next !== undefined; ) {
    const page = await readHistoryPage(db, runId, key, LARGEST_HISTORY_PAGE, next)
    metrics.push(...page.metrics)
    next = page.next
  }
  return { metrics, next: undefined }
}

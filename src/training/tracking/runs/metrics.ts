import { type Selectable, sql } from 'kysely'
import type { Metric } from '../../../api/tracking.ts'
import { fromDouble } from '../../mlflow/fields.ts'
import { chunksOf } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'
import { touchRuns } from './store.ts'

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

export function toRow(runId: string, { key, value, timestamp, step }: MetricPoint): MetricRow {
  const isNan = Number.isNaN(value)
  return { run_id: runId, key, timestamp, step, value: isNan ? 0 : value, is_nan: isNan ? 1 : 0 }
}

export function presentMetric(row: Pick<MetricRow, 'key' | 'value' | 'is_nan' | 'timestamp' | 'step'>): Metric {
  return { key: row.key, value: fromDouble(row.is_nan === 1 ? Number.NaN : row.value), timestamp: row.timestamp, step: row.step }
}

/**
 * Stores points and moves each metric's latest value on. A point that is there already stays one. For imports, which
 * have their own transactions; what clients log goes through `RunWriter`.
 */
export async function insertMetrics(trx: Queries, runId: string, points: readonly MetricPoint[]): Promise<void> {
  await touchRuns(trx, [runId])
  const { experiment_id } = await trx.selectFrom('runs').select('experiment_id').where('run_id', '=', runId).executeTakeFirstOrThrow()
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
      .values(chunk.map((row) => ({ ...row, experiment_id })))
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
export function isNewer(a: MetricRow, b: MetricRow): boolean {
  if (a.step !== b.step) return a.step > b.step
  return a.timestamp === b.timestamp ? a.value > b.value : a.timestamp > b.timestamp
}

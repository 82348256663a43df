import type { Selectable } from 'kysely'
import type { Metric } from '../../../api/tracking.ts'
import { fromDouble } from '../../mlflow/fields.ts'
import type { TrackingSchema } from '../../tables.ts'

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

/** MLflow's order of points: step, then timestamp, then value. */
export function isNewer(a: MetricRow, b: MetricRow): boolean {
  if (a.step !== b.step) return a.step > b.step
  return a.timestamp === b.timestamp ? a.value > b.value : a.timestamp > b.timestamp
}

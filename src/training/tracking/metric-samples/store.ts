import { sql } from 'kysely'
import type { Metric } from '../../../api/tracking.ts'
import type { Queries } from '../../tables.ts'
import { type MetricRow, presentMetric } from '../runs/metrics.ts'

export interface Sample {
  readonly runId: string
  readonly key: string
  /** Points at most; at least 1. */
  readonly limit: number
  /** Both ends included. */
  readonly steps: { readonly start: number; readonly end: number } | undefined
}

type Point = Omit<MetricRow, 'run_id'>

/**
 * An even sample of a metric's points in order of step: the first of each of `limit` buckets of equal size, and the last point of all, which takes the
 * place of the last sampled one where there is no more room. MLflow samples in the same way, so curves look alike.
 */
export async function sampleHistory(db: Queries, { runId, key, limit, steps }: Sample): Promise<readonly Metric[]> {
  const within = steps === undefined ? sql`1 = 1` : sql`step between ${steps.start} and ${steps.end}`
  const where = sql`run_id = ${runId} and key = ${key} and ${within}`
  const { rows } = await sql<Point>`
    select key, value, timestamp, step, is_nan from (
      select b.*, row_number() over (partition by bucket order by step, timestamp, value, is_nan) as place from (
        select key, value, timestamp, step, is_nan, ntile(${sql.lit(limit)}) over (order by step, timestamp, value, is_nan) as bucket from metrics where ${where}
      ) as b
    ) as r where place = 1 order by step, timestamp, value, is_nan`.execute(db)
  const last = await sql<Point>`
    select key, value, timestamp, step, is_nan from metrics where ${where} order by step desc, timestamp desc, value desc, is_nan desc limit 1`.execute(db)
  const end = last.rows[0]
  const sampled = rows.at(-1)
  if (end === undefined || sampled === undefined || same(end, sampled)) return rows.map(presentMetric)
  return [...(rows.length < limit ? rows : rows.slice(0, -1)), end].map(presentMetric)
}

function same(a: Point, b: Point): boolean {
  return a.step === b.step && a.timestamp === b.timestamp && a.value === b.value && a.is_nan === b.is_nan
}

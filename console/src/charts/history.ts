import type { Metric } from '../../../src/api/tracking.ts'
import { ask, isNoEndpoint } from '../tracking/ask.ts'
import { fromDouble } from '../tracking/values.ts'

export interface Point {
  readonly step: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly value: number
}

/** By run. */
export type Histories = ReadonlyMap<string, readonly Point[]>

export interface StepRange {
  readonly from: number
  readonly to: number
}

/** More points than that no chart of ours has room for. */
const MOST_POINTS = 500
const LARGEST_BULK = 25_000

/** One metric of up to 100 runs, thinned out by the server to what a chart can show; of the steps in `range` alone, where it is given. */
export async function askHistories(runIds: readonly string[], metric: string, range: StepRange | undefined, signal: AbortSignal): Promise<Histories> {
  const histories = new Map<string, Point[]>(runIds.map((runId) => [runId, []]))
  for (const { run_id, step, timestamp, value } of await askPoints(runIds, metric, range, signal)) {
    histories.get(run_id ?? runIds[0] ?? '')?.push({ step: Number(step ?? 0), time: Number(timestamp), value: fromDouble(value) })
  }
  for (const points of histories.values()) points.sort((a, b) => a.step - b.step || a.time - b.time)
  return histories
}

async function askPoints(runIds: readonly string[], metric: string, range: StepRange | undefined, signal: AbortSignal): Promise<readonly Metric[]> {
  const steps = range === undefined ? {} : { start_step: Math.floor(range.from), end_step: Math.ceil(range.to) }
  try {
    const { metrics = [] } = await ask<{ metrics?: readonly Metric[] }>('GET', 'mlflow/metrics/get-history-bulk-interval', { query: { run_ids: runIds, metric_key: metric, max_results: MOST_POINTS, ...steps }, signal })
    return metrics
  } catch (error) {
    // MLflow servers before 2.8 do not have it.
    if (!isNoEndpoint(error)) throw error
    const { metrics = [] } = await ask<{ metrics?: readonly Metric[] }>('GET', 'mlflow/metrics/get-history-bulk', { query: { run_id: runIds, metric_key: metric, max_results: LARGEST_BULK }, signal })
    return range === undefined ? metrics : metrics.filter(({ step }) => step >= range.from && step <= range.to)
  }
}

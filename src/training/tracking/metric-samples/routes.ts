import Type from 'typebox'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { int64, text, toInteger } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { sampleHistory } from './store.ts'

const MOST_RUNS = 100
const MOST_POINTS = 2500

const historyBulkInterval = Type.Object({
  run_ids: Type.Array(text),
  metric_key: text,
  start_step: Type.Optional(int64),
  end_step: Type.Optional(int64),
  max_results: Type.Optional(int64),
})

/** What draws curves: at most `max_results` points a run, however many were logged. A run that is not there has none, as in MLflow. */
export function metricSampleEndpoints({ db }: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('GET', '/2.0/mlflow/metrics/get-history-bulk-interval', historyBulkInterval, async (input) => {
      const { run_ids, metric_key } = input
      if (run_ids.length > MOST_RUNS) throw invalid(`GetMetricHistoryBulkInterval request must specify at most ${MOST_RUNS} run_ids. Received ${run_ids.length} run_ids.`)
      const limit = input.max_results === undefined ? MOST_POINTS : toInteger(input.max_results, 'max_results')
      if (limit < 1 || limit > MOST_POINTS) throw invalid(`max_results must be between 1 and ${MOST_POINTS}.`)
      const steps = interval(input.start_step, input.end_step)
      const samples = []
      for (const runId of run_ids) {
        for (const metric of await sampleHistory(db.kysely, { runId, key: metric_key, limit, steps })) samples.push({ ...metric, run_id: runId })
      }
      return { metrics: samples }
    }),
  ]
}

function interval(start: string | number | undefined, end: string | number | undefined): { readonly start: number; readonly end: number } | undefined {
  if (start === undefined && end === undefined) return undefined
  if (start === undefined || end === undefined) throw invalid('If either start step or end step are specified, both must be specified.')
  const steps = { start: toInteger(start, 'start_step'), end: toInteger(end, 'end_step') }
  if (steps.start > steps.end) throw invalid(`end_step must be greater than start_step. Found start_step=${steps.start} and end_step=${steps.end}.`)
  return steps
}

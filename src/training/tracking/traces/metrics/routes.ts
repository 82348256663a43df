import Type, { type Static } from 'typebox'
import type { TrainingContext } from '../../../context.ts'
import { invalid } from '../../../mlflow/errors.ts'
import { double, enumName, enumeration, int64, text, toDouble, toInteger } from '../../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../../mlflow/routes.ts'
import { pageSize } from '../../../search/index.ts'
import { parseExperimentId } from '../../experiments/service.ts'
import { type Wanted, aggregate } from './aggregate.ts'
import { readFacts } from './store.ts'
import { AGGREGATIONS, METRICS, type MetricKind, VIEWS } from './views.ts'

const STANDARD_POINTS = 1000
const MOST_POINTS = 10_000

const queryMetrics = Type.Object({
  experiment_ids: Type.Array(text),
  view_type: enumeration(VIEWS),
  metric_name: text,
  aggregations: Type.Array(Type.Object({ aggregation_type: enumeration(AGGREGATIONS), percentile_value: Type.Optional(double) })),
  dimensions: Type.Optional(Type.Array(text)),
  filters: Type.Optional(Type.Array(text)),
  time_interval_seconds: Type.Optional(int64),
  start_time_ms: Type.Optional(int64),
  end_time_ms: Type.Optional(int64),
  max_results: Type.Optional(int64),
  page_token: Type.Optional(text),
})

/** Counts, sums and percentiles of traces, spans and assessments, by name, status and time. */
export function traceMetricEndpoints({ db }: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('POST', '/3.0/mlflow/traces/metrics', queryMetrics, async (input) => {
      const view = enumName(VIEWS, input.view_type)
      const kind = METRICS[view][input.metric_name]
      if (kind === undefined) throw invalid(`metric_name must be one of ${Object.keys(METRICS[view]).join(', ')}, got '${input.metric_name}'`)
      const wanted = input.aggregations.map(toWanted)
      const dimensions = input.dimensions ?? []
      check(kind, wanted, dimensions)
      const integer = (name: 'time_interval_seconds' | 'start_time_ms' | 'end_time_ms' | 'max_results') => (input[name] === undefined ? undefined : toInteger(input[name], name))
      const [seconds, from, to] = [integer('time_interval_seconds'), integer('start_time_ms'), integer('end_time_ms')]
      if (seconds !== undefined && seconds <= 0) throw invalid('time_interval_seconds must be positive')
      if (seconds !== undefined && (from === undefined || to === undefined)) throw invalid('start_time_ms and end_time_ms are required if time_interval_seconds is set')
      const limit = pageSize(integer('max_results'), STANDARD_POINTS, MOST_POINTS)
      const experimentIds = input.experiment_ids.map(parseExperimentId)
      const facts = experimentIds.length === 0 ? [] : await readFacts(db.kysely, { view, experimentIds, filters: input.filters ?? [], from, to })
      return { data_points: aggregate(input.metric_name, kind, facts, wanted, dimensions, seconds === undefined ? undefined : seconds * 1000).slice(0, limit) }
    }),
  ]
}

function toWanted({ aggregation_type, percentile_value }: Static<typeof queryMetrics>['aggregations'][number]): Wanted {
  const aggregation = enumName(AGGREGATIONS, aggregation_type)
  const percentile = percentile_value === undefined ? undefined : toDouble(percentile_value)
  if (aggregation !== 'PERCENTILE' && percentile !== undefined) throw invalid(`Percentile value is only allowed for PERCENTILE aggregation type, got ${aggregation}`)
  if (aggregation === 'PERCENTILE' && !(percentile !== undefined && percentile >= 0 && percentile <= 100)) throw invalid('Percentile value must be between 0 and 100')
  return { aggregation, percentile }
}

function check(kind: MetricKind, wanted: readonly Wanted[], dimensions: readonly string[]): void {
  if (wanted.length === 0) throw invalid("Missing value for required parameter 'aggregations'.")
  const strange = wanted.filter(({ aggregation }) => !kind.aggregations.includes(aggregation)).map(({ aggregation }) => aggregation)
  if (strange.length > 0) throw invalid(`Found invalid aggregation_type(s): ${strange.join(', ')}. Supported aggregation types: ${kind.aggregations.join(', ')}`)
  const unknown = dimensions.filter((dimension) => !kind.dimensions.includes(dimension))
  if (unknown.length > 0) throw invalid(`Found invalid dimension(s): ${unknown.join(', ')}. Supported dimensions: ${kind.dimensions.join(', ')}`)
}

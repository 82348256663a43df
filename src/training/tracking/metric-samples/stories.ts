import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }

export function metricSampleStories({ story }: ServiceUnderTest): void {
  const get = 'GET metrics/get-history-bulk-interval'
  const metrics = Array.from({ length: 100 }, (_, step) => ({ key: 'loss', value: step / 10, timestamp: 1000 + step, step }))
  const steps = (...expected: readonly number[]) => ({ metrics: expected.map((step) => ({ key: 'loss', step, run_id: '{a}' })) })
  story([
    { does: 'a run logs a hundred points', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { a: 'run.info.run_id' } },
    { does: 'in one batch', request: 'POST runs/log-batch', body: { run_id: '{a}', metrics } },
    { does: 'another logs many points of one step', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { b: 'run.info.run_id' } },
    { does: 'as those who name no step do', request: 'POST runs/log-batch', body: { run_id: '{b}', metrics: [...Array.from({ length: 20 }, (_, i) => ({ key: 'loss', value: i, timestamp: i })), { key: 'loss', value: 'NaN', timestamp: 50 }] } },
    { does: 'a sample has the first of each bucket, and the last point', request: `${get}?run_ids={a}&metric_key=loss&max_results=5`, holds: steps(0, 20, 40, 60, 99) },
    { does: 'one point is the last', request: `${get}?run_ids={a}&metric_key=loss&max_results=1`, holds: steps(99) },
    { does: 'of an interval of steps', request: `${get}?run_ids={a}&metric_key=loss&max_results=3&start_step=10&end_step=12`, holds: steps(10, 11, 12) },
    { does: 'all points where they are few', request: `${get}?run_ids={a}&metric_key=loss&start_step=98&end_step=500`, holds: steps(98, 99) },
    { does: 'of points with one step too', request: `${get}?run_ids={b}&metric_key=loss&max_results=3`, holds: { metrics: [{ value: 0 }, { value: 7 }, { value: 'NaN' }] } },
    { does: 'of several runs, one behind the other', request: `${get}?run_ids={b}&run_ids={a}&metric_key=loss&max_results=1`, holds: { metrics: [{ run_id: '{b}' }, { run_id: '{a}' }] } },
    { does: 'of a metric nobody logged there is none', request: `${get}?run_ids={a}&metric_key=none`, holds: { metrics: [] } },
    { does: 'half an interval is refused', request: `${get}?run_ids={a}&metric_key=loss&start_step=1`, status: 400, holds: { ...invalid, message: /both must be specified/ } },
    { does: 'as is one that ends before it begins', request: `${get}?run_ids={a}&metric_key=loss&start_step=2&end_step=1`, status: 400, holds: invalid },
    { does: 'as are too many points', request: `${get}?run_ids={a}&metric_key=loss&max_results=2501`, status: 400, holds: { ...invalid, message: /between 1 and 2500/ } },
    { does: 'a missing key is named', request: `${get}?run_ids={a}`, status: 400, holds: { ...invalid, message: /metric_key/ } },
    { does: 'a run that is not there has none', request: `${get}?run_ids=0123&metric_key=loss`, holds: { metrics: [] } },
  ])
}

import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }
const point = (key: string, value: unknown, step: number, timestamp: unknown = step) => ({ key, value, step, timestamp })

export function runStories({ story }: ServiceUnderTest): void {
  story([
    { does: 'a run is created, named, running, with its place for artifacts', request: 'POST runs/create', body: { experiment_id: '0', user_id: 'ada', run_name: 'first', start_time: '1000', tags: [{ key: 'kind', value: 'a' }] }, holds: { run: { info: { status: 'RUNNING', run_name: 'first', user_id: 'ada', start_time: 1000, artifact_uri: /^mlflow-artifacts:\/0\/[0-9a-f]{32}\/artifacts$/ }, data: { tags: [{ key: 'kind' }, { key: 'mlflow.runName', value: 'first' }] } } }, keeps: { a: 'run.info.run_id' } },
    { does: 'one without a name gets one', request: 'POST runs/create', body: { experiment_id: '0', start_time: 2000 }, holds: { run: { info: { run_name: /^\w+-\w+-\d+$/ } } }, keeps: { b: 'run.info.run_id' } },
    { does: 'one is named by its tag', request: 'POST runs/create', body: { experiment_id: '0', start_time: 3000, tags: [{ key: 'mlflow.runName', value: 'third' }, { key: 'mlflow.parentRunId', value: 'p' }] }, holds: { run: { info: { run_name: 'third' } } }, keeps: { c: 'run.info.run_id' } },
    { does: 'two different names are refused', request: 'POST runs/create', body: { experiment_id: '0', run_name: 'x', tags: [{ key: 'mlflow.runName', value: 'y' }] }, status: 400, holds: invalid },
    { does: 'a run of an experiment that does not exist is refused', request: 'POST runs/create', body: { experiment_id: '77' }, status: 404, holds: { error_code: 'RESOURCE_DOES_NOT_EXIST' } },
    { does: 'metrics, params and tags come in one batch', request: 'POST runs/log-batch', body: { run_id: '{a}', metrics: [point('auc', 0.5, 1), point('auc', 0.7, 2), point('auc', 0.6, 0, '9'), point('loss', 'NaN', 0), point('big', 'Infinity', 0)], params: [{ key: 'depth', value: '6' }, { key: 'empty', value: '' }], tags: [{ key: 'kind', value: 'b' }] }, holds: {} },
    { does: 'the latest metric is the one of the highest step', request: 'GET runs/get?run_id={a}', holds: { run: { data: { metrics: [{ key: 'auc', value: 0.7, step: 2 }, { key: 'big', value: 'Infinity' }, { key: 'loss', value: 'NaN' }], params: [{ key: 'depth', value: '6' }, { key: 'empty', value: '' }] } } } },
    { does: 'the same batch again changes nothing', request: 'POST runs/log-batch', body: { run_id: '{a}', metrics: [point('auc', 0.5, 1), point('auc', 0.7, 2)], params: [{ key: 'depth', value: '6' }] }, holds: {} },
    { does: 'its history has each point once, by time', request: 'GET metrics/get-history?run_id={a}&metric_key=auc', holds: { metrics: [{ value: 0.5, timestamp: 1, step: 1 }, { value: 0.7, timestamp: 2, step: 2 }, { value: 0.6, timestamp: 9, step: 0 }] }, lacks: 'next_page_token' },
    { does: 'a page of the history has a token', request: 'GET metrics/get-history?run_uuid={a}&metric_key=auc&max_results=2', holds: { metrics: [{ value: 0.5 }, { value: 0.7 }] }, keeps: { token: 'next_page_token' } },
    { does: 'with which it goes on', request: 'GET metrics/get-history?run_id={a}&metric_key=auc&max_results=2&page_token={token}', holds: { metrics: [{ value: 0.6 }] }, lacks: 'next_page_token' },
    { does: 'the histories of several runs come at once', request: 'GET metrics/get-history-bulk?run_id={a}&run_id={b}&metric_key=auc', holds: { metrics: [{ run_id: '{a}' }, { run_id: '{a}' }, { run_id: '{a}' }] } },
    { does: 'a metric nobody logged has no history', request: 'GET metrics/get-history?run_id={a}&metric_key=none', holds: { metrics: [] } },
    { does: 'a param never changes', request: 'POST runs/log-batch', body: { run_id: '{a}', params: [{ key: 'depth', value: '7' }], metrics: [point('never', 1, 1)] }, status: 400, holds: { ...invalid, message: /Changing param values is not allowed.*depth.*'6'.*'7'/ } },
    { does: 'and what came with the refused one is not there', request: 'GET runs/get?run_id={a}', lacks: 'never' },
    { does: 'a param twice in a batch is refused', request: 'POST runs/log-batch', body: { run_id: '{b}', params: [{ key: 'p', value: '1' }, { key: 'p', value: '1' }] }, status: 400, holds: { ...invalid, message: /Duplicate parameter keys/ } },
    { does: 'single metrics and params are logged', request: 'POST runs/log-metric', body: { run_id: '{b}', key: 'auc', value: '0.9', timestamp: 5 }, holds: {} },
    { does: 'as is a param', request: 'POST runs/log-parameter', body: { run_uuid: '{b}', key: 'depth', value: '3' }, holds: {} },
    { does: 'and a tag, which may change', request: 'POST runs/set-tag', body: { run_id: '{b}', key: 'kind', value: "it's" }, holds: {} },
    { does: 'the name tag renames the run', request: 'POST runs/set-tag', body: { run_id: '{b}', key: 'mlflow.runName', value: 'second' }, holds: {} },
    { does: 'and the name is the new one', request: 'GET runs/get?run_id={b}', holds: { run: { info: { run_name: 'second' } } } },
    { does: 'a key that would be another path is refused', request: 'POST runs/log-metric', body: { run_id: '{b}', key: '../auc', value: 1, timestamp: 5 }, status: 400, holds: invalid },
    { does: 'a value that is none is refused by its place', request: 'POST runs/log-batch', body: { run_id: '{b}', metrics: [point('a', 1, 1), point('b', 'high', 1)] }, status: 400, holds: { ...invalid, message: /"high" for parameter 'metrics\[1\]\.value'/ } },
    { does: 'a timestamp before 1970 is refused', request: 'POST runs/log-metric', body: { run_id: '{b}', key: 'a', value: 1, timestamp: -1 }, status: 400, holds: invalid },
    { does: 'a batch too large is refused', request: 'POST runs/log-batch', body: { run_id: '{b}', metrics: Array.from({ length: 1001 }, (_, i) => point('m', 1, i)) }, status: 400, holds: { ...invalid, message: /at most 1000 metrics.*1001/ } },
    { does: 'a param too long is cut, as MLflow cuts it', request: 'POST runs/log-parameter', body: { run_id: '{b}', key: 'long', value: 'x'.repeat(6001) }, holds: {} },
    { does: 'and the same again is the same', request: 'POST runs/log-parameter', body: { run_id: '{b}', key: 'long', value: 'x'.repeat(6001) }, holds: {} },
    { does: 'a tag is removed', request: 'POST runs/delete-tag', body: { run_id: '{a}', key: 'kind' }, holds: {} },
    { does: 'a tag that is not there is 404', request: 'POST runs/delete-tag', body: { run_id: '{a}', key: 'kind' }, status: 404, holds: {} },
    { does: 'data sets are logged', request: 'POST runs/log-inputs', body: { run_id: '{a}', datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'training' }], dataset: { name: 'flights', digest: 'd1', source_type: 'local', source: '{}', profile: '{"rows":1}' } }], models: [{ model_id: 'm-1' }] }, holds: {} },
    { does: 'models that came out are logged', request: 'POST runs/outputs', body: { run_id: '{a}', models: [{ model_id: 'm-2', step: '3' }] }, holds: {} },
    { does: 'and both are in the run', request: 'GET runs/get?run_id={a}', holds: { run: { inputs: { dataset_inputs: [{ tags: [{ value: 'training' }], dataset: { name: 'flights', profile: '{"rows":1}' } }], model_inputs: [{ model_id: 'm-1' }] }, outputs: { model_outputs: [{ model_id: 'm-2', step: 3 }] } } } },
    { does: 'a run finishes, and tells it', request: 'POST runs/update', body: { run_id: '{a}', status: 'FINISHED', end_time: '5000' }, holds: { run_info: { status: 'FINISHED', end_time: 5000 } }, emits: ['run.finished'] },
    { does: 'telling it again tells nobody', request: 'POST runs/update', body: { run_id: '{a}', status: 3, end_time: 5000 }, holds: { run_info: { status: 'FINISHED' } } },
    { does: 'a run fails, and tells it', request: 'POST runs/update', body: { run_id: '{b}', status: 'FAILED', run_name: 'renamed' }, holds: { run_info: { status: 'FAILED', run_name: 'renamed' } }, emits: ['run.finished'] },
    { does: 'a status that is none is refused', request: 'POST runs/update', body: { run_id: '{b}', status: 'SLEEPING' }, status: 400, holds: invalid },
    { does: 'a run that does not exist is 404', request: 'GET runs/get?run_id=0123', status: 404, holds: { error_code: 'RESOURCE_DOES_NOT_EXIST' } },
    { does: 'a run id that could be a path is refused', request: 'GET runs/get?run_id=../x', status: 400, holds: invalid },
  ])

  /** Filter → runs in order (default order: the latest started first). Runs: a(1000, FINISHED, auc .7, loss NaN), b(2000, FAILED, auc .9), c(3000). */
  const found: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
    ['', ['c', 'b', 'a']],
    ['metrics.auc > 0.6', ['b', 'a']],
    ['metrics.auc >= 0.9', ['b']],
    ['metrics.auc = 0.5', []],
    ['metrics.auc != 0.7', ['b']],
    ['metrics.loss != 1', ['a']],
    ['metrics.loss < 1', []],
    ['metrics.big > 1e300', ['a']],
    ["params.depth = '6'", ['a']],
    ["params.depth != '6'", ['b']],
    ["params.depth IS NULL", ['c']],
    ["params.depth IS NOT NULL", ['b', 'a']],
    ["params.depth LIKE '_'", ['b', 'a']],
    ["tags.kind = 'it''s'", ['b']],
    ["tags.mlflow.parentRunId = 'p'", ['c']],
    ["tags.kind ILIKE 'IT%'", ['b']],
    ["tags.kind LIKE 'IT%'", []],
    ["attributes.status = 'FINISHED'", ['a']],
    ["status != 'FINISHED'", ['c', 'b']],
    ["run_name = 'third'", ['c']],
    ["attribute.`Run name` = 'third'", ['c']],
    ["run_id IN ('{a}', '{c}')", ['c', 'a']],
    ["run_id NOT IN ('{a}', '{c}')", ['b']],
    ['start_time > 1000 AND start_time <= 2000', ['b']],
    ['start_time > 1000.5', ['c', 'b']],
    ["dataset.name = 'flights' and dataset.context = 'training'", ['a']],
    ["datasets.digest IN ('d1', 'd2')", ['a']],
    ["dataset.context = 'test'", []],
    ["artifact_uri LIKE 'mlflow-artifacts:/0/%'", ['c', 'b', 'a']],
    ["tags.x = '100%' or tags.y = 'z'", []],
    ['', ['a', 'b', 'c'], ['metrics.auc ASC']],
    ['', ['b', 'a', 'c'], ['metrics.auc DESC']],
    ['', ['a', 'c', 'b'], ['metrics.loss ASC']],
    ['', ['b', 'a', 'c'], ['params.depth']],
    ['', ['a', 'b', 'c'], ['start_time ASC']],
    ['', ['a', 'b', 'c'], ['attributes.end_time DESC', 'start_time ASC']],
  ]
  const ids = (names: readonly string[]) => names.map((name) => ({ info: { run_id: `{${name}}` } }))
  for (const [filter, names, order] of found) {
    const body = { experiment_ids: ['0'], filter, ...(order ? { order_by: order } : {}) }
    const does = `search: ${filter || '(all)'}${order ? ` by ${order.join(', ')}` : ''}`
    const refused = filter.includes(' or ')
    story([{ does, request: 'POST runs/search', body, ...(refused ? { status: 400 } : { holds: { runs: ids(names) } }) }])
  }

  story([
    { does: 'pages follow one another without gap or repetition', request: 'POST runs/search', body: { experiment_ids: ['0'], max_results: 1, order_by: ['metrics.auc DESC'] }, holds: { runs: ids(['b']) }, keeps: { next: 'next_page_token' } },
    { does: 'the second page', request: 'POST runs/search', body: { experiment_ids: ['0'], max_results: 1, order_by: ['metrics.auc DESC'], page_token: '{next}' }, holds: { runs: ids(['a']) }, keeps: { next: 'next_page_token' } },
    { does: 'the last page, with what lacks the metric', request: 'POST runs/search', body: { experiment_ids: ['0'], max_results: 1, order_by: ['metrics.auc DESC'], page_token: '{next}' }, holds: { runs: ids(['c']) }, lacks: 'next_page_token' },
    { does: 'no experiment, no runs', request: 'POST runs/search', body: {}, holds: { runs: [] } },
    { does: 'the same order twice is refused', request: 'POST runs/search', body: { experiment_ids: ['0'], order_by: ['metrics.a', 'metric.a'] }, status: 400, holds: invalid },
    { does: 'ordering by a data set is refused', request: 'POST runs/search', body: { experiment_ids: ['0'], order_by: ['dataset.name'] }, status: 400, holds: invalid },
    { does: 'a run is deleted', request: 'POST runs/delete', body: { run_id: '{b}' }, holds: {} },
    { does: 'a deleted run takes no more metrics', request: 'POST runs/log-metric', body: { run_id: '{b}', key: 'a', value: 1, timestamp: 1 }, status: 400, holds: { ...invalid, message: /must be in the 'active' state/ } },
    { does: 'it is not found among the active', request: 'POST runs/search', body: { experiment_ids: ['0'] }, holds: { runs: ids(['c', 'a']) } },
    { does: 'but among the deleted', request: 'POST runs/search', body: { experiment_ids: ['0'], run_view_type: 'DELETED_ONLY' }, holds: { runs: ids(['b']) } },
    { does: 'and among all', request: 'POST runs/search', body: { experiment_ids: ['0'], run_view_type: 'ALL' }, holds: { runs: ids(['c', 'b', 'a']) } },
    { does: 'it is restored', request: 'POST runs/restore', body: { run_id: '{b}' }, holds: {} },
    { does: 'and takes metrics again', request: 'POST runs/log-metric', body: { run_id: '{b}', key: 'a', value: 1, timestamp: 1 }, holds: {} },
  ])
}

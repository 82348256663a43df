import type { ServiceUnderTest } from '../../testing.ts'

const invalid = { error_code: 'INVALID_PARAMETER_VALUE' }

export function loggedModelStories({ story }: ServiceUnderTest): void {
  const search = (body: object) => ({ experiment_ids: ['0'], ...body })
  story([
    { does: 'a run will log models', request: 'POST runs/create', body: { experiment_id: '0' }, keeps: { run: 'run.info.run_id' } },
    { does: 'a logged model begins as pending', request: 'POST logged-models', body: { experiment_id: '0', name: 'trees', model_type: 'onnx', source_run_id: '{run}', params: [{ key: 'depth', value: '6' }], tags: [{ key: 't', value: '1' }] }, holds: { model: { info: { model_id: /^m-[0-9a-f]{32}$/, status: 'LOGGED_MODEL_PENDING', artifact_uri: /^mlflow-artifacts:\/0\/models\/m-[0-9a-f]{32}\/artifacts$/, tags: [{ key: 't' }] }, data: { params: [{ key: 'depth' }] } } }, keeps: { a: 'model.info.model_id' } },
    { does: 'and one without a name gets one', request: 'POST logged-models', body: { experiment_id: '0' }, holds: { model: { info: { name: /^\w+-\w+-\d+$/ } } }, keeps: { b: 'model.info.model_id' } },
    { does: 'a name that could be a path is refused', request: 'POST logged-models', body: { experiment_id: '0', name: '../x' }, status: 400, holds: invalid },
    { does: 'it is finalised', request: 'PATCH logged-models/{a}', body: { model_id: '{a}', status: 'LOGGED_MODEL_READY' }, holds: { model: { info: { status: 'LOGGED_MODEL_READY' } } } },
    { does: 'by number too', request: 'PATCH logged-models/{b}', body: { status: 3 }, holds: { model: { info: { status: 'LOGGED_MODEL_UPLOAD_FAILED' } } } },
    { does: 'it is tagged', request: 'PATCH logged-models/{a}/tags', body: { tags: [{ key: 'k', value: 'v' }] }, holds: { model: { info: { tags: [{ key: 'k' }, { key: 't' }] } } } },
    { does: 'and loses a tag', request: 'DELETE logged-models/{a}/tags/k' },
    { does: 'that it has not, it cannot lose', request: 'DELETE logged-models/{a}/tags/k', status: 404 },
    { does: 'params are added', request: 'POST logged-models/{a}/params', body: { params: [{ key: 'rate', value: '0.1' }] } },
    { does: 'metrics of a run are measured on it', request: 'POST runs/log-batch', body: { run_id: '{run}', metrics: [{ key: 'auc', value: 0.8, timestamp: 1, step: 1, model_id: '{a}', dataset_name: 'test', dataset_digest: 'd' }, { key: 'auc', value: 0.6, timestamp: 1, step: 1, model_id: '{b}' }, { key: 'auc', value: 0.1, timestamp: 1, model_id: 'm-unknown' }] } },
    { does: 'and are read with it', request: 'GET logged-models/{a}', holds: { model: { data: { metrics: [{ key: 'auc', value: 0.8, dataset_name: 'test', run_id: '{run}', model_id: '{a}' }], params: [{ key: 'depth' }, { key: 'rate' }] } } } },
    { does: 'models are found, the newest first', request: 'POST logged-models/search', body: search({ filter: "params.depth = '6' or 1" }), status: 400, holds: invalid },
    { does: 'by param', request: 'POST logged-models/search', body: search({ filter: "params.depth = '6' AND tags.t = '1'" }), holds: { models: [{ info: { model_id: '{a}' } }] } },
    { does: 'by attribute', request: 'POST logged-models/search', body: search({ filter: "name = 'trees' AND status = 'READY' AND creation_timestamp > 5" }), holds: { models: [{ info: { model_id: '{a}' } }] } },
    { does: 'by metric', request: 'POST logged-models/search', body: search({ filter: 'metrics.auc < 0.7' }), holds: { models: [{ info: { model_id: '{b}' } }] } },
    { does: 'by metric on a data set', request: 'POST logged-models/search', body: search({ filter: 'metrics.auc > 0', datasets: [{ dataset_name: 'test' }] }), holds: { models: [{ info: { model_id: '{a}' } }] } },
    { does: 'in order of a metric', request: 'POST logged-models/search', body: search({ order_by: [{ field_name: 'metrics.auc', ascending: true }] }), holds: { models: [{ info: { model_id: '{b}' } }, { info: { model_id: '{a}' } }] } },
    { does: 'in pages', request: 'POST logged-models/search', body: search({ max_results: 1, order_by: [{ field_name: 'metrics.auc', ascending: false }] }), holds: { models: [{ info: { model_id: '{a}' } }] }, keeps: { token: 'next_page_token' } },
    { does: 'that go on', request: 'POST logged-models/search', body: search({ max_results: 1, order_by: [{ field_name: 'metrics.auc', ascending: false }], page_token: '{token}' }), holds: { models: [{ info: { model_id: '{b}' } }] }, lacks: 'next_page_token' },
    { does: 'a token serves only its own search', request: 'POST logged-models/search', body: search({ max_results: 1, page_token: '{token}' }), status: 400, holds: invalid },
    { does: 'a version is made of one', request: 'POST registered-models/create', body: { name: 'of-logged' }, emits: ['model.created'] },
    { does: 'with its run', request: 'POST model-versions/create', body: { name: 'of-logged', source: 'models:/{a}', model_id: '{a}' }, holds: { model_version: { version: '1', run_id: '{run}', model_id: '{a}' } }, emits: ['model.version.created'] },
    { does: 'another\'s model is refused', request: 'POST model-versions/create', body: { name: 'of-logged', source: 'models:/{b}', model_id: '{a}' }, status: 400, holds: invalid },
    { does: 'the model knows its versions', request: 'GET logged-models/{a}', holds: { model: { info: { tags: [{ key: 'mlflow.modelVersions', value: /"of-logged"/ }, { key: 't' }] } } } },
    { does: 'a model is deleted', request: 'DELETE logged-models/{b}' },
    { does: 'and not found', request: 'GET logged-models/{b}', status: 404, holds: { error_code: 'RESOURCE_DOES_NOT_EXIST' } },
    { does: 'nor searched', request: 'POST logged-models/search', body: search({}), holds: { models: [{ info: { model_id: '{a}' } }] } },
  ])
}

import { withService } from '../testing.ts'

/**
 * Requests as MLflow's R client makes them (mlflow/R/mlflow/R in MLflow's repository: tracking-rest.R, tracking-runs.R, tracking-experiments.R, model-registry.R), and
 * what it reads of the answers. Where it differs from Python's: every value is text, numbers and booleans too (`rapply(data, as.character)`, hence `TRUE`); `run_uuid` stands
 * beside `run_id`; what is NULL or empty is left out (`httr` compacts lists).
 */
const { story } = withService()
const r = { 'user-agent': 'mlflow-r-client/3.17.0', accept: 'application/json, text/xml, application/xml, */*' }
const run = { run_uuid: '{run}', run_id: '{run}' }

story(
  [
    { does: 'mlflow_create_experiment', request: 'POST experiments/create', body: { name: 'from-r' }, holds: { experiment_id: /^\d+$/ }, keeps: { experiment: 'experiment_id' } },
    { does: 'mlflow_get_experiment', request: 'GET experiments/get?experiment_id={experiment}', holds: { experiment: { experiment_id: '{experiment}', name: 'from-r', lifecycle_stage: 'active', artifact_location: /^mlflow-artifacts:/ } } },
    { does: 'mlflow_get_experiment by name', request: 'GET experiments/get-by-name?experiment_name=from-r', holds: { experiment: { experiment_id: '{experiment}' } } },
    { does: 'mlflow_search_experiments', request: 'POST experiments/search', body: { view_type: 'ACTIVE_ONLY', max_results: '1000', order_by: ['attribute.name'] }, holds: { experiments: [{ name: 'Default' }, { name: 'from-r' }] } },
    { does: 'mlflow_rename_experiment', request: 'POST experiments/update', body: { experiment_id: '{experiment}', new_name: 'renamed' }, holds: {} },
    { does: 'mlflow_set_experiment_tag', request: 'POST experiments/set-experiment-tag', body: { experiment_id: '{experiment}', key: 'team', value: 'r' }, holds: {} },
    { does: 'mlflow_start_run', request: 'POST runs/create', body: { experiment_id: '{experiment}', user_id: 'unknown', start_time: '1795496379650', tags: [{ key: 'mlflow.source.name', value: 'train.R' }, { key: 'mlflow.source.type', value: 'LOCAL' }] }, holds: { run: { info: { run_uuid: /^[0-9a-f]{32}$/ } } }, keeps: { run: 'run.info.run_uuid' } },
    { does: 'mlflow_get_run', request: 'GET runs/get?run_uuid={run}&run_id={run}', holds: { run: { info: { run_uuid: '{run}', run_id: '{run}', status: 'RUNNING', start_time: 1_795_496_379_650, user_id: 'unknown' } } } },
    { does: 'mlflow_log_metric', request: 'POST runs/log-metric', body: { ...run, key: 'auc', value: '0.75', timestamp: '1795496379651', step: '0' }, holds: {} },
    { does: 'mlflow_log_metric of NaN', request: 'POST runs/log-metric', body: { ...run, key: 'worst', value: 'NaN', timestamp: '1795496379651', step: '1' }, holds: {} },
    { does: 'mlflow_log_metric of -Inf', request: 'POST runs/log-metric', body: { ...run, key: 'least', value: '-Infinity', timestamp: '1795496379651', step: '1' }, holds: {} },
    { does: 'mlflow_log_metric of a small number', request: 'POST runs/log-metric', body: { ...run, key: 'rate', value: '1e-05', timestamp: '1795496379651', step: '100000' }, holds: {} },
    { does: 'mlflow_log_param', request: 'POST runs/log-parameter', body: { ...run, key: 'trees', value: '100' }, holds: {} },
    { does: 'mlflow_set_tag', request: 'POST runs/set-tag', body: { ...run, key: 'stage', value: 'draft' }, holds: {} },
    { does: 'mlflow_delete_tag', request: 'POST runs/delete-tag', body: { run_id: '{run}', key: 'stage' }, holds: {} },
    { does: 'mlflow_log_batch of data frames', request: 'POST runs/log-batch', body: { run_id: '{run}', metrics: [{ key: 'loss', value: '0.5', step: '1', timestamp: '1795496379652' }, { key: 'loss', value: '0.25', step: '2', timestamp: '1795496379653' }], params: [{ key: 'depth', value: '6' }], tags: [{ key: 'a', value: 'b' }] }, holds: {} },
    { does: 'mlflow_get_metric_history', request: 'GET metrics/get-history?run_uuid={run}&run_id={run}&metric_key=loss', holds: { metrics: [{ key: 'loss', value: 0.5, timestamp: 1_795_496_379_652, step: 1 }, { value: 0.25, step: 2 }] } },
    { does: 'mlflow_search_runs', request: 'POST runs/search', body: { experiment_ids: ['{experiment}'], filter: "metrics.auc > 0.5 and params.trees = '100'", run_view_type: 'ACTIVE_ONLY', order_by: ['metrics.auc DESC'] }, holds: { runs: [{ info: { run_uuid: '{run}' }, data: { params: [{ key: 'depth' }, { key: 'trees' }] } }] } },
    { does: 'mlflow_search_runs without filter and order', request: 'POST runs/search', body: { experiment_ids: ['{experiment}'], run_view_type: 'ALL' }, holds: { runs: [{ info: { run_uuid: '{run}' } }] } },
    { does: 'mlflow_list_artifacts of nothing', request: 'GET artifacts/list?run_uuid={run}&run_id={run}', holds: { root_uri: /^mlflow-artifacts:/ } },
    { does: 'mlflow_end_run', request: 'POST runs/update', body: { ...run, status: 'FINISHED', end_time: '1795496380000' }, holds: { run_info: { run_uuid: '{run}', end_time: 1_795_496_380_000 } }, emits: ['run.finished'] },
    { does: 'mlflow_delete_run', request: 'POST runs/delete', body: { run_id: '{run}' }, holds: {} },
    { does: 'mlflow_restore_run', request: 'POST runs/restore', body: { run_id: '{run}' }, holds: {} },
    { does: 'mlflow_create_registered_model', request: 'POST registered-models/create', body: { name: 'iris', tags: [{ key: 'lang', value: 'r' }], description: 'by R' }, holds: { registered_model: { name: 'iris' } }, emits: ['model.created'] },
    { does: 'mlflow_create_model_version', request: 'POST model-versions/create', body: { name: 'iris', source: 'runs:/{run}/model', run_id: '{run}' }, holds: { model_version: { version: '1', current_stage: 'None' } }, emits: ['model.version.created'] },
    { does: 'mlflow_get_model_version', request: 'GET model-versions/get?name=iris&version=1', holds: { model_version: { version: '1', run_id: '{run}' } } },
    { does: 'mlflow_update_model_version', request: 'PATCH model-versions/update', body: { name: 'iris', version: '1', description: 'better' }, holds: { model_version: { description: 'better' } }, emits: ['model.version.described'] },
    { does: 'mlflow_set_model_version_tag', request: 'POST model-versions/set-tag', body: { name: 'iris', version: '1', key: 'k', value: 'v' }, holds: {}, emits: ['model.version.tag.set'] },
    { does: 'mlflow_set_registered_model_alias', request: 'POST registered-models/alias', body: { name: 'iris', alias: 'champion', version: '1' }, holds: {}, emits: ['model.alias.moved'] },
    { does: 'mlflow_get_model_version_by_alias', request: 'GET registered-models/alias?name=iris&alias=champion', holds: { model_version: { version: '1' } } },
    { does: 'mlflow_transition_model_version_stage', request: 'POST model-versions/transition-stage', body: { name: 'iris', version: '1', stage: 'Production', archive_existing_versions: 'FALSE' }, holds: { model_version: { current_stage: 'Production' } }, emits: ['model.version.stage.changed'] },
    { does: 'mlflow_get_latest_versions', request: 'GET registered-models/get-latest-versions?name=iris&stages=Production', holds: { model_versions: [{ version: '1' }] } },
    { does: 'mlflow_search_registered_models, which posts where MLflow’s server too has only GET', request: 'POST registered-models/search', body: { filter: "name = 'iris'", max_results: '100' }, status: 404, holds: { error_code: 'ENDPOINT_NOT_FOUND' } },
    { does: 'mlflow_get_registered_model', request: 'GET registered-models/get?name=iris', holds: { registered_model: { name: 'iris', description: 'by R' } } },
    { does: 'mlflow_update_registered_model', request: 'PATCH registered-models/update', body: { name: 'iris', description: 'new' }, holds: { registered_model: { description: 'new' } }, emits: ['model.described'] },
    { does: 'mlflow_rename_registered_model', request: 'POST registered-models/rename', body: { name: 'iris', new_name: 'flowers' }, holds: { registered_model: { name: 'flowers' } }, emits: ['model.renamed'] },
    { does: 'mlflow_delete_model_version', request: 'DELETE model-versions/delete', body: { name: 'flowers', version: '1' }, holds: {}, emits: ['model.alias.moved', 'model.version.deleted'] },
    { does: 'mlflow_delete_registered_model', request: 'DELETE registered-models/delete', body: { name: 'flowers' }, holds: {}, emits: ['model.deleted'] },
    { does: 'mlflow_delete_experiment', request: 'POST experiments/delete', body: { experiment_id: '{experiment}' }, holds: {} },
    { does: 'mlflow_restore_experiment', request: 'POST experiments/restore', body: { experiment_id: '{experiment}' }, holds: {} },
  ].map((step) => ({ ...step, headers: r })),
)

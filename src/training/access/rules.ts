import { LEFT_OUT, LEFT_OUT_METHODS } from '../mlflow/left-out.ts'

/** `operate`: routes for other services and the operator, which the gateway does not pass on. */
export type Action = 'probe' | 'read' | 'write' | 'operate'
export type Resource = 'service' | 'experiments' | 'runs' | 'logged-models' | 'artifacts' | 'models' | 'webhooks' | 'traces'

/** What a caller must be allowed to do, and with what. */
export interface Rule {
  readonly action: Action
  readonly resource: Resource
}

const MLFLOW = '/2.0/mlflow'
const MILLRACE = '/2.0/millrace'

/** Routes by what they need, with their prefix `/api` or `/ajax-api` taken off. */
const ROUTES: readonly (readonly [Action, Resource, readonly string[]])[] = [
  ['probe', 'service', ['GET /health', 'GET /version', 'GET /', 'GET /3.0/mlflow/server-info']],
  ['operate', 'service', ['GET /metrics', 'GET /-/outbox', 'GET /-/watermark', 'PUT /-/clock']],
  ['read', 'experiments', ['GET get', 'GET get-by-name', 'GET search', 'POST search', 'POST search-datasets'].map(below(`${MLFLOW}/experiments`))],
  ['read', 'experiments', ['POST /2.0mlflow/experiments/search-datasets']],
  [
    'write',
    'experiments',
    ['create', 'delete', 'restore', 'update', 'set-experiment-tag', 'delete-experiment-tag'].map((name) => `POST ${MLFLOW}/experiments/${name}`),
  ],
  ['read', 'runs', ['GET runs/get', 'POST runs/search', 'GET metrics/get-history', 'GET metrics/get-history-bulk', 'GET metrics/get-history-bulk-interval'].map(below(MLFLOW))],
  ['read', 'runs', [`GET ${MILLRACE}/runs/summary`]],
  [
    'write',
    'runs',
    ['create', 'update', 'delete', 'restore', 'log-metric', 'log-parameter', 'log-batch', 'log-model', 'log-inputs', 'outputs', 'set-tag', 'delete-tag'].map(
      (name) => `POST ${MLFLOW}/runs/${name}`,
    ),
  ],
  ['read', 'logged-models', ['GET :model_id', 'POST search', 'GET :model_id/artifacts/directories', 'GET :model_id/artifacts/files'].map(below(`${MLFLOW}/logged-models`))],
  [
    'write',
    'logged-models',
    [
      `POST ${MLFLOW}/logged-models`,
      ...['PATCH :model_id', 'DELETE :model_id', 'PATCH :model_id/tags', 'DELETE :model_id/tags/:tag_key', 'POST :model_id/params'].map(below(`${MLFLOW}/logged-models`)),
    ],
  ],
  [
    'read',
    'artifacts',
    ['GET /2.0/mlflow-artifacts/artifacts', 'GET /2.0/mlflow-artifacts/artifacts/*', 'GET /2.0/mlflow-artifacts/presigned/*', `POST ${MLFLOW}/artifacts/presigned-download-url`, `GET ${MLFLOW}/artifacts/list`, 'GET /get-artifact', 'GET /model-versions/get-artifact'],
  ],
  ['write', 'artifacts', [...['create', 'complete', 'abort'].map((step) => `POST /2.0/mlflow-artifacts/mpu/${step}/*`), `POST ${MLFLOW}/artifacts/presigned-upload-url`]],
  ['write', 'artifacts', ['PUT /2.0/mlflow-artifacts/artifacts/*', 'DELETE /2.0/mlflow-artifacts/artifacts/*', `POST ${MLFLOW}/upload-artifact`]],
  ['read', 'models', ['GET get', 'GET search', 'GET get-latest-versions', 'POST get-latest-versions', 'GET alias'].map(below(`${MLFLOW}/registered-models`))],
  [
    'write',
    'models',
    ['POST create', 'POST rename', 'PATCH update', 'DELETE delete', 'POST set-tag', 'DELETE delete-tag', 'POST alias', 'DELETE alias'].map(below(`${MLFLOW}/registered-models`)),
  ],
  ['read', 'models', ['GET get', 'GET get-download-uri', 'GET search'].map(below(`${MLFLOW}/model-versions`))],
  ['write', 'models', ['POST create', 'PATCH update', 'POST transition-stage', 'DELETE delete', 'POST set-tag', 'DELETE delete-tag'].map(below(`${MLFLOW}/model-versions`))],
  ['read', 'models', ['GET alias-history', 'GET champion-at'].map(below(`${MILLRACE}/registered-models`))],
  ['read', 'models', ['history', 'champion', 'lineage', 'diff', 'manifest', 'verify', 'gates'].map((name) => `GET ${MILLRACE}/registry/${name}`)],
  ['write', 'models', ['seal', 'rollback'].map((name) => `POST ${MILLRACE}/registry/${name}`)],
  ['read', 'webhooks', [`GET ${MLFLOW}/webhooks`, `GET ${MLFLOW}/webhooks/:webhook_id`, `GET ${MILLRACE}/webhooks/:webhook_id/deliveries`]],
  [
    'write',
    'webhooks',
    [
      `POST ${MLFLOW}/webhooks`,
      ...['PATCH :webhook_id', 'DELETE :webhook_id', 'POST :webhook_id/test'].map(below(`${MLFLOW}/webhooks`)),
      `POST ${MILLRACE}/webhooks/:webhook_id/deliveries/:delivery_id/redeliver`,
    ],
  ],
  ['operate', 'service', [`GET ${MILLRACE}/import/totals`, `POST ${MILLRACE}/gc/plan`, `POST ${MILLRACE}/gc/collect`]],
  ['operate', 'service', ['experiment', 'runs', 'metrics', 'logged-models', 'registered-model', 'marks', 'find-marks'].map((name) => `POST ${MILLRACE}/import/${name}`)],
  [
    'read',
    'traces',
    [
      'GET :trace_id', 'GET get', 'GET batchGet', 'POST batchGetInfos', 'POST search', 'POST metrics', 'POST calculate-filter-correlation', 'GET :trace_id/assessments/:assessment_id',
    ].map(below('/3.0/mlflow/traces')),
  ],
  ['read', 'traces', [`GET ${MLFLOW}/traces`, `GET ${MLFLOW}/traces/:request_id/info`, `GET ${MLFLOW}/get-trace-artifact`, 'GET /3.0/mlflow/get-trace-artifact']],
  [
    'write',
    'traces',
    [
      'POST /v1/traces',
      'POST /3.0/mlflow/traces',
      ...[
        'POST delete-traces', 'PATCH :trace_id/tags', 'DELETE :trace_id/tags', 'POST :trace_id/assessments', 'PATCH :trace_id/assessments/:assessment_id',
        'DELETE :trace_id/assessments/:assessment_id',
      ].map(below('/3.0/mlflow/traces')),
      `POST ${MLFLOW}/traces`,
      ...['POST delete-traces', 'PATCH :request_id', 'PATCH :request_id/tags', 'DELETE :request_id/tags', 'POST link-to-run', 'POST link-prompts'].map(below(`${MLFLOW}/traces`)),
    ],
  ],
  ['read', 'service', LEFT_OUT.flatMap(({ path }) => LEFT_OUT_METHODS.map((method) => `${method} ${path}`))],
]

/**
 * One rule for each route, by `METHOD /path`. A route that is not here is denied to everyone: whoever adds a route says here what it needs.
 */
export const RULES: ReadonlyMap<string, Rule> = new Map(ROUTES.flatMap(([action, resource, routes]) => routes.map((route) => [route, { action, resource }] as const)))

function below(folder: string): (route: string) => string {
  return (route) => route.replace(' ', ` ${folder}/`)
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withService } from '../testing.ts'
import { LEFT_OUT, LEFT_OUT_METHODS } from './left-out.ts'

const { send } = withService()

/** What MLflow 3.17's clients call, as its server routes it; each under `/api` and under `/ajax-api`. */
const ENDPOINTS = `
GET 2.0/mlflow-artifacts/artifacts
GET 2.0/mlflow-artifacts/artifacts/some/path
PUT 2.0/mlflow-artifacts/artifacts/some/path
POST 2.0/mlflow-artifacts/mpu/create/some/path
POST 2.0/mlflow-artifacts/mpu/complete/some/path
POST 2.0/mlflow-artifacts/mpu/abort/some/path
POST 2.0/mlflow/artifacts/presigned-upload-url
POST 2.0/mlflow/artifacts/presigned-download-url
DELETE 2.0/mlflow-artifacts/artifacts/some/path
POST 2.0/mlflow/experiments/create
GET 2.0/mlflow/experiments/get
GET 2.0/mlflow/experiments/get-by-name
GET 2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search-datasets
POST 2.0mlflow/experiments/search-datasets
POST 2.0/mlflow/experiments/delete
POST 2.0/mlflow/experiments/delete-experiment-tag
POST 2.0/mlflow/experiments/restore
POST 2.0/mlflow/experiments/set-experiment-tag
POST 2.0/mlflow/experiments/update
POST 2.0/mlflow/logged-models
GET 2.0/mlflow/logged-models/m-1
PATCH 2.0/mlflow/logged-models/m-1
DELETE 2.0/mlflow/logged-models/m-1
PATCH 2.0/mlflow/logged-models/m-1/tags
DELETE 2.0/mlflow/logged-models/m-1/tags/key
POST 2.0/mlflow/logged-models/m-1/params
GET 2.0/mlflow/logged-models/m-1/artifacts/directories
GET 2.0/mlflow/logged-models/m-1/artifacts/files
POST 2.0/mlflow/logged-models/search
GET 2.0/mlflow/metrics/get-history
GET 2.0/mlflow/metrics/get-history-bulk
GET 2.0/mlflow/metrics/get-history-bulk-interval
GET 2.0/mlflow/artifacts/list
POST 2.0/mlflow/upload-artifact
POST 2.0/mlflow/model-versions/create
GET 2.0/mlflow/model-versions/get
GET 2.0/mlflow/model-versions/get-download-uri
GET 2.0/mlflow/model-versions/search
POST 2.0/mlflow/model-versions/set-tag
DELETE 2.0/mlflow/model-versions/delete-tag
POST 2.0/mlflow/model-versions/transition-stage
PATCH 2.0/mlflow/model-versions/update
DELETE 2.0/mlflow/model-versions/delete
POST 2.0/mlflow/registered-models/create
GET 2.0/mlflow/registered-models/get
GET 2.0/mlflow/registered-models/search
POST 2.0/mlflow/registered-models/set-tag
DELETE 2.0/mlflow/registered-models/delete-tag
POST 2.0/mlflow/registered-models/rename
PATCH 2.0/mlflow/registered-models/update
DELETE 2.0/mlflow/registered-models/delete
GET 2.0/mlflow/registered-models/get-latest-versions
POST 2.0/mlflow/registered-models/get-latest-versions
GET 2.0/mlflow/registered-models/alias
POST 2.0/mlflow/registered-models/alias
DELETE 2.0/mlflow/registered-models/alias
POST 2.0/mlflow/runs/create
GET 2.0/mlflow/runs/get
POST 2.0/mlflow/runs/search
POST 2.0/mlflow/runs/update
POST 2.0/mlflow/runs/delete
POST 2.0/mlflow/runs/restore
POST 2.0/mlflow/runs/log-batch
POST 2.0/mlflow/runs/log-inputs
POST 2.0/mlflow/runs/log-metric
POST 2.0/mlflow/runs/log-model
POST 2.0/mlflow/runs/log-parameter
POST 2.0/mlflow/runs/outputs
POST 2.0/mlflow/runs/set-tag
POST 2.0/mlflow/runs/delete-tag
POST 2.0/mlflow/traces
GET 2.0/mlflow/traces
PATCH 2.0/mlflow/traces/tr-1
GET 2.0/mlflow/traces/tr-1/info
PATCH 2.0/mlflow/traces/tr-1/tags
DELETE 2.0/mlflow/traces/tr-1/tags
POST 2.0/mlflow/traces/delete-traces
POST 2.0/mlflow/traces/link-to-run
POST 2.0/mlflow/traces/link-prompts
GET 2.0/mlflow/get-trace-artifact
POST 3.0/mlflow/traces
GET 3.0/mlflow/traces/tr-1
GET 3.0/mlflow/traces/get
GET 3.0/mlflow/traces/batchGet
POST 3.0/mlflow/traces/batchGetInfos
POST 3.0/mlflow/traces/search
POST 3.0/mlflow/traces/delete-traces
POST 3.0/mlflow/traces/metrics
POST 3.0/mlflow/traces/calculate-filter-correlation
PATCH 3.0/mlflow/traces/tr-1/tags
DELETE 3.0/mlflow/traces/tr-1/tags
POST 3.0/mlflow/traces/tr-1/assessments
GET 3.0/mlflow/traces/tr-1/assessments/a-1
PATCH 3.0/mlflow/traces/tr-1/assessments/a-1
DELETE 3.0/mlflow/traces/tr-1/assessments/a-1
GET 3.0/mlflow/get-trace-artifact
GET 2.0/mlflow/webhooks
POST 2.0/mlflow/webhooks
GET 2.0/mlflow/webhooks/1
PATCH 2.0/mlflow/webhooks/1
DELETE 2.0/mlflow/webhooks/1
POST 2.0/mlflow/webhooks/1/test
GET 3.0/mlflow/server-info
`.trim().split('\n')

const OUTSIDE = ['POST /v1/traces', 'GET /health', 'GET /version', 'GET /get-artifact', 'GET /model-versions/get-artifact']

const isThere = async (method: string, path: string): Promise<void> => {
  const { status, text } = await send(method, path, method === 'GET' ? {} : { body: {} })
  assert.ok(![401, 403, 405, 500, 501].includes(status), `${method} ${path}: ${status} ${text}`)
  assert.doesNotMatch(text, /ENDPOINT_NOT_FOUND|has no such route/, `${method} ${path}`)
}

for (const prefix of ['/api', '/ajax-api']) {
  test(`all that MLflow's clients call is there under ${prefix}`, async () => {
    for (const endpoint of ENDPOINTS) {
      const [method = '', path = ''] = endpoint.split(' ')
      await isThere(method, `${prefix}/${path}`)
    }
  })

  test(`what is left out says so under ${prefix}, in MLflow's words`, async () => {
    for (const { path } of LEFT_OUT) {
      for (const method of LEFT_OUT_METHODS) {
        const { status, text } = await send(method, `${prefix}${path.replace('*', 'some/thing')}`, method === 'GET' ? {} : { body: {} })
        assert.equal(status, 501, `${method} ${path}: ${text}`)
        assert.match(text, /^\{"error_code":"NOT_IMPLEMENTED","message":"[^"]+ is not part of this server/)
      }
    }
  })
}

test('as is what stands outside of both', async () => {
  for (const endpoint of OUTSIDE) {
    const [method = '', path = ''] = endpoint.split(' ')
    await isThere(method, path)
  }
})

test('what MLflow does not know is not found, in its words', async () => {
  const { status, text } = await send('GET', '/api/2.0/mlflow/nothing')
  assert.equal(status, 404)
  assert.match(text, /"error_code":"ENDPOINT_NOT_FOUND"/)
})

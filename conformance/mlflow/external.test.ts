import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { type TestService, startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { type MlflowServer, startMlflow } from '../lib/mlflow-server.ts'
import { runChecks } from '../lib/python.ts'

/** `tracking: {external: URL}`: an MLflow server does what our tracking service would. */
describe('with an MLflow server in the place of our tracking service', () => {
  let mlflow: MlflowServer | undefined
  let gateway: TestService | undefined
  let serving: TestService | undefined
  before(async () => {
    mlflow = await startMlflow()
    const config = (services: string) =>
      parseConfig(projectConfigSchema, `project: test\ntracking: {external: '${mlflow?.url}'}\ndeployments: [{model: iris}, {model: price}]\n${services}`, 'millrace.yaml', {})
    gateway = await startForTest(gatewayService, config(''))
    serving = await startForTest(servingService, config(`services: {gateway: {url: '${gateway.url}'}}\n`))
  })
  after(async () => {
    await serving?.stop()
    await gateway?.stop()
    await mlflow?.stop()
  })

  test('what is trained and registered there, and made champion, is served', async (t) => {
    await runChecks(t, join(import.meta.dirname, '..', 'serving', 'clients.py'), {
      MLFLOW_TRACKING_URI: mlflow?.url ?? '',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      GIT_PYTHON_REFRESH: 'quiet',
      SERVING_URL: serving?.url ?? '',
    })
  })

  test('our own client, which training, the gate and the pipelines use, works with it', async () => {
    const client = trackingClient(createTransport(mlflow?.url ?? ''))
    const experiment = await client.getOrCreateExperiment('ours')
    assert.equal(await client.getOrCreateExperiment('ours'), experiment)
    const tag = { key: 'millrace.execution', value: 'e1' }
    const run = await client.findOrCreateRun(experiment, tag, { name: 'training' })
    assert.equal((await client.findOrCreateRun(experiment, tag)).info.run_id, run.info.run_id)
    const id = run.info.run_id
    await client.logParams(id, { depth: 3 })
    await client.logMetrics(id, [{ key: 'auc', value: 0.5, step: 0 }, { key: 'auc', value: Number.NaN, step: 1 }])
    await client.uploadFiles(id, [{ path: 'model/a.txt', content: 'weights' }])
    await client.updateRun(id, { status: 'FINISHED', endTime: Date.now() })
    assert.deepEqual((await client.metricHistory(id, 'auc')).map(({ value }) => value), [0.5, 'NaN'])
    await client.registerModel('ours')
    await client.registerModel('ours')
    const init = { source: `${run.info.artifact_uri}/model`, runId: id }
    const version = await client.findOrCreateVersion('ours', init)
    assert.equal((await client.findOrCreateVersion('ours', init)).version, version.version)
    assert.equal(await client.getByAlias('ours', 'champion'), undefined)
    await client.setAlias('ours', 'champion', version.version, { actor: 'gate', reason: 'first', expected: null })
    assert.equal((await client.getByAlias('ours', 'champion'))?.version, version.version)
    await client.deleteAlias('ours', 'champion')
    assert.equal(await client.getByAlias('ours', 'champion'), undefined)
    assert.equal(await client.getByAlias('nobody', 'champion'), undefined)
    const folder = await client.getDownloadUri('ours', version.version)
    assert.equal(await (await client.readArtifact(`${folder}/a.txt`)).text(), 'weights')
  })

  test('its console and API answer through the gateway, and nobody waits for a service that is not ours', async () => {
    const found = await createTransport(gateway?.url ?? '').json<{ experiment: { name: string } }>('GET', '/api/2.0/mlflow/experiments/get-by-name', { query: { experiment_name: 'ours' } })
    assert.equal(found.experiment.name, 'ours')
    const { waiting_for: waiting } = await createTransport(gateway?.url ?? '').json<{ waiting_for: readonly string[] }>('GET', '/-/watermark')
    assert.deepEqual(waiting.filter((what) => /tracking/.test(what)), [])
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { startReadyProcess } from '../../src/serving/testing-process.ts'
import { FIXTURES, startFeatures, startRegistry } from '../../src/serving/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { runChecks } from '../lib/python.ts'

/** Serving, of two workers, sends its spans to our own tracking service, which MLflow's client asks for them. */
test('traces of predictions', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tracing-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tracking = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
  t.after(() => tracking.stop())
  const experiment = await trackingClient(createTransport(tracking.url)).createExperiment('served')
  const registry = await startRegistry(join(folder, 'registry'))
  t.after(() => registry.close())
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const features = await startFeatures()
  t.after(() => features.close())
  const grpcPort = await freePort()
  const serving = await startReadyProcess(
    join(folder, 'project'),
    { tracking: registry.url, gateway: registry.url, features: features.url, workers: 2, grpcPort, yaml: 'deployments: [{model: delay}]' },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: tracking.url,
      OTEL_EXPORTER_OTLP_HEADERS: `x-mlflow-experiment-id=${experiment}`,
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '1',
    },
  )
  t.after(() => serving.child.kill('SIGKILL'))
  await runChecks(t, join(import.meta.dirname, 'tracing.py'), {
    MLFLOW_TRACKING_URI: tracking.url,
    MLFLOW_EXPERIMENT_ID: experiment,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    GIT_PYTHON_REFRESH: 'quiet',
    SERVING_URL: serving.url,
    SERVING_GRPC: `127.0.0.1:${grpcPort}`,
  })
})

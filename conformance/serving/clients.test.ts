import { test } from 'node:test'
import { join } from 'node:path'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { trackingService } from '../../src/training/index.ts'
import { runChecks } from '../lib/python.ts'

/** A model logged and registered by the Python mlflow client, followed by its alias, served; asked by tritonclient and by what MLflow's own scoring server answers. */
test('what the Python clients log, register and ask for', async (t) => {
  const urls: Record<string, string> = {}
  const config = () => {
    const services = Object.entries(urls).map(([name, url]) => `  ${name}: {url: '${url}'}\n`)
    return parseConfig(
      projectConfigSchema,
      `project: test\ndeployments: [{model: iris}, {model: price}]\n${services.length > 0 ? 'services:\n' : ''}${services.join('')}`,
      'millrace.yaml',
      {},
    )
  }
  const tracking = await startForTest(trackingService, config())
  t.after(() => tracking.stop())
  urls['tracking'] = tracking.url
  const gateway = await startForTest(gatewayService, config())
  t.after(() => gateway.stop())
  urls['gateway'] = gateway.url
  const serving = await startForTest(servingService, config())
  t.after(() => serving.stop())
  await runChecks(t, join(import.meta.dirname, 'clients.py'), {
    MLFLOW_TRACKING_URI: tracking.url,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    GIT_PYTHON_REFRESH: 'quiet',
    SERVING_URL: serving.url,
  })
})

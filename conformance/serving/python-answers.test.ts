import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { trackingService } from '../../src/training/index.ts'
import { peersPython, runChecks } from '../lib/python.ts'

/** Models that `mlflow.sklearn.log_model` and `mlflow.pyfunc.log_model` registered with us, each in a process beside serving. */
test('what Python models answer beside a number for each row', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-answers-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const configure = (yaml: string) => parseConfig(projectConfigSchema, `project: test\n${yaml}`, 'millrace.yaml', {})
  const tracking = await startForTest(trackingService, configure(''), { projectFolder: folder })
  t.after(() => tracking.stop())
  const script = join(import.meta.dirname, 'python-answers.py')
  const quiet = { PYTHONPATH: join(import.meta.dirname, '..', 'lib'), MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' }
  // Not synchronously: the tracking server that it asks runs in this very process.
  const { stdout: logged } = await promisify(execFile)(peersPython(), [script], { env: { ...process.env, ...quiet, TRACKING: tracking.url } })
  const expected: unknown = JSON.parse(logged.split('\n').find((line) => line.startsWith('{"expected"')) ?? '{}')
  const answers = typeof expected === 'object' && expected !== null && 'expected' in expected ? expected.expected : {}
  const config = configure(`services: {tracking: {url: '${tracking.url}'}, serving: {python: '${peersPython()}'}}\ndeployments: [{model: species}, {model: odds}, {model: petals}, {model: shapes}]\n`)
  const serving = await startForTest(servingService, config, { projectFolder: folder })
  t.after(() => serving.stop())
  while ((await fetch(`${serving.url}/v2/health/ready`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 100))
  await runChecks(t, script, { ...quiet, SERVING_URL: serving.url, EXPECTED: JSON.stringify(answers) })
})

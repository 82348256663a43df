import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { peersPython, runChecks } from '../lib/python.ts'

/** MLflow's own scoring server and ours, with the same models: the same requests, good and bad, to both. */
test('what MLflow’s scoring server answers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-scoring-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const script = join(import.meta.dirname, 'scoring.py')
  execFileSync(peersPython(), [script], { env: { ...process.env, PYTHONPATH: join(import.meta.dirname, '..', 'lib'), MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet', SAVE: join(folder, 'models') } })
  const config = parseConfig(projectConfigSchema, 'project: test\nmodel_repository: models\n', 'millrace.yaml', {})
  const serving = await startForTest(servingService, config, { projectFolder: folder })
  t.after(() => serving.stop())
  await runChecks(t, script, { MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet', SERVING_URL: serving.url, SAVED: join(folder, 'models') })
})

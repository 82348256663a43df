import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { runChecks } from '../lib/python.ts'

for (const script of ['tracking', 'registry', 'models']) {
  test(`the unmodified Python client: ${script}`, async (t) => {
    const service = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
    t.after(() => service.stop())
    const folder = mkdtempSync(join(tmpdir(), 'millrace-mlflow-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await runChecks(t, join(import.meta.dirname, `${script}.py`), {
      MLFLOW_TRACKING_URI: service.url,
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      GIT_PYTHON_REFRESH: 'quiet',
      CHECK_FOLDER: folder,
    })
  })
}

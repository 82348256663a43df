import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { runChecks } from '../lib/python.ts'

/** The scripts, and what of the configuration they need. */
const SCRIPTS: readonly (readonly [string, string?])[] = [
  ['tracking'],
  ['fluent'],
  ['registry'],
  ['models'],
  ['tracing'],
  ['webhooks', 'webhooks: {allow_http: true, allow_private: true}\n'],
  ['cli'],
]

for (const [script, yaml = ''] of SCRIPTS) {
  test(`the unmodified Python client: ${script}`, async (t) => {
    const service = await startForTest(trackingService, parseConfig(projectConfigSchema, `project: test\n${yaml}`, 'millrace.yaml', {}))
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

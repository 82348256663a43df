import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { startPostgres } from '../lib/postgres.ts'
import { runChecks } from '../lib/python.ts'

for (const database of ['SQLite', 'PostgreSQL']) {
  test(`searches find what MLflow finds, in its order, on ${database}`, async (t) => {
    const postgres = database === 'PostgreSQL' ? await startPostgres() : undefined
    t.after(() => postgres?.stop())
    const yaml = `project: test\n${postgres === undefined ? '' : `storage: {database: "${postgres.url}"}\n`}`
    const service = await startForTest(trackingService, parseConfig(projectConfigSchema, yaml, 'millrace.yaml', {}))
    t.after(() => service.stop())
    const folder = mkdtempSync(join(tmpdir(), 'millrace-search-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await runChecks(t, join(import.meta.dirname, 'search.py'), { MLFLOW_TRACKING_URI: service.url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1', MLFLOW_DISABLE_TELEMETRY: 'true', CHECK_FOLDER: folder })
  })
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { type MotoServer, startMoto } from '../lib/moto.ts'
import { runChecks } from '../lib/python.ts'

let moto: MotoServer
before(async () => {
  moto = await startMoto()
  Object.assign(process.env, moto.environment)
})
after(() => moto.stop())

for (const direct of ['true', 'false']) {
  test(`the unmodified Python client, artifacts in S3, ${direct === 'true' ? 'past the server with large files' : 'all through the server'}`, async (t) => {
    const bucket = await moto.bucket(`artifacts-${direct}`)
    const service = await startForTest(trackingService, parseConfig(projectConfigSchema, `project: test\nstorage: {artifacts: '${bucket}/some/prefix'}\n`, 'millrace.yaml', {}))
    t.after(() => service.stop())
    const folder = mkdtempSync(join(tmpdir(), 'millrace-s3-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await runChecks(t, join(import.meta.dirname, 'client.py'), {
      MLFLOW_TRACKING_URI: service.url,
      MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: direct,
      MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: direct,
      MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE: '10000000',
      MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE: '5242880',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      GIT_PYTHON_REFRESH: 'quiet',
      CHECK_DIRECT: direct,
      CHECK_FOLDER: folder,
    })
  })
}

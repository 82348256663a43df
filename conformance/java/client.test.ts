import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { peersPython, runProgram } from '../lib/python.ts'

test('the unmodified Java client', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-java-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  copyFileSync(join(import.meta.dirname, 'pom.xml'), join(folder, 'pom.xml'))
  const fetched = spawnSync('mvn', ['-q', '-B', '-ntp', 'dependency:copy-dependencies', '-DoutputDirectory=jars', '-DincludeScope=runtime'], { cwd: folder, encoding: 'utf8' })
  assert.equal(fetched.status, 0, `${fetched.error?.message ?? ''}${fetched.stdout}: apt-get install default-jdk-headless maven`)
  const service = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
  t.after(() => service.stop())
  await runProgram(t, ['java', '-cp', join(folder, 'jars', '*'), join(import.meta.dirname, 'Calls.java')], {
    MLFLOW_TRACKING_URI: service.url,
    MLFLOW_PYTHON_EXECUTABLE: peersPython(),
    MLFLOW_DISABLE_TELEMETRY: 'true',
    GIT_PYTHON_REFRESH: 'quiet',
    CHECK_FOLDER: folder,
  })
})

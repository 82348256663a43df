import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { pipelineProject } from '../data/pipeline/executions/testing.ts'
import { repro } from '../data/pipeline/index.ts'
import { gitCommit } from '../data/versioning/testing.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from '../training/index.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

test('track logs the present state once, however often it is called, and says what to do where there is none', async () => {
  const tracking = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml'))
  try {
    const { project } = pipelineProject()
    const millrace = (...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
      new Promise((resolve) => {
        const env = { ...process.env, MLFLOW_TRACKING_URI: tracking.url }
        execFile(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', project.root, 'track', ...args], { env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
      })
    const early = await millrace('--register', 'greeter')
    assert.equal(early.code, 65)
    assert.match(early.stderr, /PIPELINE_OUTPUT_MISSING: there is no model to register as greeter/)

    await repro(project)
    const commit = gitCommit(project, 'run')
    const first = await millrace('--register', 'greeter', '--json')
    assert.equal(first.code, 0, first.stderr)
    const { run_id: runId, version }: { run_id: string; version: string } = JSON.parse(first.stdout)
    assert.equal(version, '1')
    assert.equal((await millrace('--register', 'greeter', '--json')).stdout, first.stdout)

    const client = trackingClient(createTransport(tracking.url))
    const { info, data } = await client.getRun(runId)
    assert.equal(info.status, 'FINISHED')
    assert.equal(data.metrics.find(({ key }) => key === 'auc')?.value, 0.75)
    assert.equal(data.tags.find(({ key }) => key === 'mlflow.source.git.commit')?.value, commit)
    assert.equal(data.tags.find(({ key }) => key === 'millrace.training.to')?.value, '2013-03-31T00:00:00Z')
    assert.equal(Buffer.from(await client.downloadArtifact(runId, 'model/model.bin')).toString(), 'HELLO 0.1')
    assert.equal((await client.searchVersions({ filter: "name = 'greeter'" })).versions.length, 1)

    assert.match((await millrace('--tracking', 'ftp://nowhere')).stderr, /USAGE: tracking address: found "ftp:\/\/nowhere", expected http/)
  } finally {
    await tracking.stop()
  }
})

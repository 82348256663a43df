import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pipelineProject } from '../data/pipeline/executions/testing.ts'
import { repro } from '../data/pipeline/index.ts'
import { gitCommit, writeFiles } from '../data/versioning/testing.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { monitorService } from '../monitoring/index.ts'
import { trackingService } from '../training/index.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const POLICY = 'retraining: [{model: greeter}]\n'

test('a version is handed to the gate as it is registered, or later by name, and is the same candidate each time', async () => {
  const { project } = pipelineProject()
  const tracking = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml'), { projectFolder: project.root })
  const nobody = '{port: 1}'
  const others = `gateway: ${nobody}, features: ${nobody}, serving: ${nobody}, pipelines: ${nobody}`
  const config = parseConfig(projectConfigSchema, `project: test\n${POLICY}services: {tracking: {url: '${tracking.url}'}, ${others}}\n`, 'millrace.yaml')
  const monitor = await startForTest(monitorService, config, { projectFolder: project.root })
  writeFiles(project.root, { 'millrace.yaml': `project: test\n${POLICY}services: {tracking: {port: ${tracking.port}}, monitor: {port: ${monitor.port}}, ${others}}\n` })
  const millrace = (...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', project.root, ...args], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
    })
  try {
    await repro(project)
    gitCommit(project, 'run')
    const tracked = await millrace('track', '--register', 'greeter', '--candidate')
    assert.deepEqual([tracked.code, tracked.stderr], [0, ''])
    assert.match(tracked.stdout, /^version {3}1 of greeter\ncandidate greeter:submitted:1 {2}\w+/m)
    const again = await millrace('models', 'submit', 'greeter/1', '--json')
    const { candidate_id: id, version }: { candidate_id: string; version: string } = JSON.parse(again.stdout)
    assert.deepEqual([id, version], ['greeter:submitted:1', '1'])
    assert.match((await millrace('models', 'submit', 'other/1')).stderr, /NOT_FOUND: millrace.yaml has no retraining policy for "other"/)
    assert.match((await millrace('track', '--candidate')).stderr, /USAGE: --candidate: .*--register MODEL/)
  } finally {
    await monitor.stop()
    await tracking.stop()
  }
})

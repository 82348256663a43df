import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { trackingClient } from '../../sdk/tracking.ts'
import { PROJECT_HEADER } from '../api/control.ts'
import { pipelineProject } from '../data/pipeline/executions/testing.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { writeFileDurable } from '../platform/fs/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from '../training/index.ts'
import { connect } from './connect.ts'
import type { Project } from './project.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const base = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-projects-')))
after(() => rmSync(base, { recursive: true }))

/** A project whose tracking service is at `port`, or at `url`. */
function projectAt(folder: string, tracking: string, environment: Readonly<Record<string, string>> = {}): Project {
  const root = join(base, folder)
  mkdirSync(root, { recursive: true })
  const text = `project: flights\nservices: {tracking: {${tracking}}}\n`
  writeFileDurable(join(root, 'millrace.yaml'), text)
  return { folder: root, config: parseConfig(projectConfigSchema, text, 'millrace.yaml', environment) }
}

const ours = projectAt('ours', 'port: 5000')
const tracking = await startForTest(trackingService, ours.config, { projectFolder: ours.folder })
after(() => tracking.stop())
const port = `port: ${tracking.port}`
/** The id of the experiment that every tracking service has. */
const ask = async (project: Project, address?: string) => (await trackingClient(connect(project, 'tracking', { address })).getExperimentByName('Default'))?.experiment_id

test('a service says which project it belongs to, with every answer', async () => {
  const health = await fetch(`${tracking.url}/health`)
  assert.equal(await health.text(), 'OK')
  assert.equal(health.headers.get(PROJECT_HEADER), `flights ${encodeURIComponent(join(ours.folder, '.millrace'))}`)
  assert.equal((await fetch(`${tracking.url}/nothing`)).headers.get(PROJECT_HEADER), health.headers.get(PROJECT_HEADER))
})

test('its own project is served, also through a link to its folder, and from a worktree that keeps its state there', async () => {
  assert.equal(await ask(projectAt('ours', port)), '0')
  symlinkSync(ours.folder, join(base, 'link'))
  assert.equal(await ask({ ...projectAt('ours', port), folder: join(base, 'link') }), '0')
  assert.equal(await ask(projectAt('ours/.millrace/pipelines/worktrees/1', port, { MILLRACE_STORAGE_FOLDER: join(ours.folder, '.millrace') })), '0')
})

test('another project of the same name and ports is refused, and both are named', async () => {
  const theirs = projectAt('theirs', port)
  for (const address of [undefined, `http://127.0.0.1:${tracking.port}`]) {
    await assert.rejects(ask(theirs, address), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'PROJECT_MISMATCH')
      assert.match(error.message, new RegExp(`for the project "flights" \\(${ours.folder}/.millrace\\), but was called for "flights" \\(${theirs.folder}/.millrace\\)`))
      return true
    })
  }
})

test('a service that is named by a url may be of any project', async () => {
  assert.equal(await ask(projectAt('theirs', `url: 'http://localhost:${tracking.port}'`)), '0')
  assert.equal(await ask(projectAt('theirs', 'port: 1'), tracking.url), '0')
})

const commands: readonly (readonly [string, string])[] = [
  ['track', 'TRACKING'],
  ['executions list', 'PIPELINES'],
  ['executions start --model m', 'PIPELINES'],
  ['executions show 1', 'PIPELINES'],
  ['events tail', 'GATEWAY'],
  ['events verify --online', 'GATEWAY'],
]
const { project: theirs } = pipelineProject()
for (const [command, service] of commands) {
  test(`\`millrace ${command}\` refuses to speak to another project's service`, async () => {
    const env: NodeJS.ProcessEnv = { ...process.env, [`MILLRACE_${service}_PORT`]: String(tracking.port) }
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', theirs.root, ...command.split(' ')], { env }, (error, _, stderr) => resolve({ code: error?.code, stderr }))
    })
    assert.match(stderr, /^millrace: PROJECT_MISMATCH: tracking answers here for the project/)
    assert.equal(code, 78)
  })
}

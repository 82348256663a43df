import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTransport } from '../../../sdk/http.ts'
import { trackingClient } from '../../../sdk/tracking.ts'
import { projectConfigSchema } from '../../domain/config.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { trackingService } from '../../training/index.ts'

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))
const YAML = `project: test
registry: {gates: [{alias: champion, requires: ["tags.gate = 'passed'"]}]}
`
const folder = mkdtempSync(join(tmpdir(), 'millrace-models-'))
let service: TestService
before(async () => {
  service = await startForTest(trackingService, parseConfig(projectConfigSchema, YAML, 'millrace.yaml'))
  const client = trackingClient(createTransport(service.url))
  await client.registerModel('delay', { description: 'Late by\nmore than 15 minutes' })
  for (let i = 1; i <= 3; i++) {
    const { info } = await client.createRun('0', { tags: { 'mlflow.source.git.commit': `c${i}` } })
    await client.uploadArtifact(info.run_id, 'model/MLmodel', `model ${i}`)
    await client.createVersion('delay', { source: `${info.artifact_uri}/model`, runId: info.run_id, tags: i === 3 ? {} : { gate: 'passed' } })
  }
})
after(async () => {
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Result {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

function models(...args: readonly string[]): Promise<Result> {
  const command = ['--disable-warning=ExperimentalWarning', MAIN, 'models', ...args, '--tracking', service.url]
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: folder, env: { ...process.env, MILLRACE_ACTOR: 'ada' } }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await models(...args, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

test('an operator promotes, is stopped by the gate, overrides it with a reason, and rolls back', async () => {
  assert.match((await models('promote', 'delay/1', '--reason', 'first')).stdout, /champion +– → 1 +ada: first\n/)
  assert.equal((await json<{ previous: string }>('promote', 'delay/2', '--from', '1')).previous, '1')
  const refused = await models('promote', 'delay/3')
  assert.deepEqual([refused.code, refused.stdout], [65, ''])
  assert.match(refused.stderr, /GATE_NOT_PASSED: version 3 of delay does not pass the gate of the alias champion: expected tags\.gate = 'passed' \(found "missing"\)/)
  assert.match((await models('promote', 'delay/3', '--override-gate')).stderr, /BAD_REQUEST|say why/)
  assert.match((await models('promote', 'delay/3', '--override-gate', '--reason', 'night')).stdout, /2 → 3 .*ada: night {2}\[overrode tags\.gate = 'passed'\]/)
  assert.match((await models('rollback', 'delay', '--from', '2')).stderr, /CONFLICT: alias champion of delay is at version 3, expected it at version 2/)
  const back = await json<{ version: string; kind: string }>('rollback', 'delay', '--reason', 'pager')
  assert.deepEqual([back.version, back.kind], ['2', 'rollback'])
  assert.equal((await json<readonly unknown[]>('history', 'delay', '--alias', 'champion')).length, 4)
  assert.equal((await json<{ version: string }>('champion', 'delay')).version, '2')
  assert.match((await models('champion', 'delay', '--at', '2001-01-01T00:00:00Z')).stderr, /ALIAS_NOT_FOUND: model delay had no alias champion at 2001-01-01T00:00:00\.000Z/)
})

test('models and versions are listed, traced, compared and verified, for people and for machines', async () => {
  assert.equal((await models('list')).stdout, 'delay  newest 3  champion 2  Late by\n')
  assert.match((await models('show', 'delay')).stdout, /^delay .*\n {3}3 .*sealed [0-9a-f]{12}\n {3}2 .*champion.*\n {3}1 /)
  assert.equal((await json<{ versions: readonly unknown[] }>('show', 'delay')).versions.length, 3)
  assert.equal((await json<{ commit: string }>('lineage', 'delay@champion')).commit, 'c2')
  assert.match((await models('lineage', 'delay/1')).stdout, /^version {5}delay\/1, created .*\n(.*\n)*commit {6}c1\n/)
  assert.match((await models('diff', 'delay/1', '2')).stdout, /^delay\/1 → delay\/2\nversion {2}commit: c1 → c2\n(.*\n)*file {5}MLmodel: [0-9a-f]{12} → [0-9a-f]{12}\n$/)
  assert.match((await models('verify', 'delay@champion')).stdout, /^delay\/2 is as registered: 1 files, 7 bytes, manifest [0-9a-f]{64}\n$/)
})

test('whoever has the files can hold them against the manifest', async () => {
  const copy = join(folder, 'copy')
  mkdirSync(copy)
  writeFileSync(join(copy, 'MLmodel'), 'model 1')
  assert.equal((await models('verify', 'delay/1', '--folder', copy)).code, 0)
  writeFileSync(join(copy, 'MLmodel'), 'model 2')
  writeFileSync(join(copy, 'evil.py'), '')
  const { code, stdout, stderr } = await models('verify', 'delay/1', '--folder', copy)
  assert.deepEqual([code, stdout], [65, 'changed  MLmodel\nadded    evil.py\n'])
  assert.match(stderr, /MODEL_INVALID: the files of version 1 of delay are not those that were registered/)
})

test('deleting and renaming are asked for by name', async () => {
  assert.equal((await models('delete', 'delay/3')).stdout, 'deleted version 3 of delay\n')
  assert.equal((await models('rename', 'delay', 'lateness')).stdout, 'delay is now lateness\n')
  assert.match((await models('delete', 'lateness')).stderr, /USAGE: lateness is a whole model: add --yes/)
  assert.equal((await models('delete', 'lateness', '--yes')).code, 0)
  assert.equal((await models('list')).stdout, 'nothing is registered\n')
  assert.match((await models('show', 'lateness')).stderr, /NOT_FOUND: Registered Model with name=lateness not found/)
  assert.match((await models('verify', 'lateness')).stderr, /USAGE: found "lateness", expected MODEL\/VERSION or MODEL@ALIAS/)
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { FIXTURES, ready, startRegistry } from '../../src/serving/testing.ts'
import { peersPython } from '../lib/python.ts'

/** Requests that schemathesis makes up from serving's OpenAPI document, good and bad: none is answered 500. */
test('no request that the OpenAPI document allows, or nearly allows, makes serving fail', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  // By a name that the generator is apt to try. From a registry: what a folder serves, the fuzzer would unload.
  const registry = await startRegistry(join(folder, 'registry'), '0')
  t.after(() => registry.close())
  registry.add('1', join(FIXTURES, 'plain'))
  registry.move('champion', '1')
  const config = parseConfig(projectConfigSchema, `project: test\ndeployments: [{model: '0'}]\nservices: {tracking: {url: '${registry.url}'}, gateway: {url: '${registry.url}'}}\n`, 'millrace.yaml', {})
  const serving = await startForTest(servingService, config, { projectFolder: join(folder, 'project') })
  t.after(() => serving.stop())
  await ready(serving.url)
  const program = join(dirname(peersPython()), 'schemathesis')
  const options = ['--checks', 'not_a_server_error', '--max-examples', '25', '--seed', '20131', '--phases', 'examples,coverage,fuzzing', '--exclude-path', '/-/outbox', '--exclude-path', '/journal', '--request-timeout', '10', '--no-color']
  const child = spawn(program, ['run', `${serving.url}/docs/json`, '--url', serving.url, ...options], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill())
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output = (output + part.toString()).slice(-8000)))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, output)
  assert.match(output, /Tested:|passed/)
})

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { startForTest } from '../../src/platform/service/testing.ts'
import { servingService } from '../../src/serving/index.ts'
import { apiOf, sendExamples } from '../../src/serving/openapi/testing.ts'
import { FIXTURES, ready, startRegistry, testConfig } from '../../src/serving/testing.ts'
import { peersPython } from '../lib/python.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Requests that schemathesis makes up from serving's OpenAPI document, good and bad. */
async function fuzz(t: TestContext, url: string, folder: string, options: readonly string[]): Promise<void> {
  const program = join(dirname(peersPython()), 'schemathesis')
  const always = ['--seed', '20131', '--phases', 'examples,coverage,fuzzing', '--request-timeout', '10', '--no-color', '--continue-on-failure']
  const environment = { ...process.env, SCHEMATHESIS_HOOKS: 'fuzz_hooks', PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: '1' }
  const child = spawn(program, ['run', `${url}/docs/json`, '--url', url, ...always, ...options], { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill())
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output = (output + part.toString()).slice(-16_000)))
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 0, output)
  assert.match(output, /Tested:|passed/)
}

/** By the validator that moto brings. */
async function assertValid(document: unknown, folder: string): Promise<void> {
  const file = join(folder, 'openapi.json')
  writeFileSync(file, JSON.stringify(document))
  await promisify(execFile)(peersPython(), ['-c', 'import json, sys, openapi_spec_validator as v; v.validate(json.load(open(sys.argv[1])))', file])
}

test('no request that the OpenAPI document allows, or nearly allows, makes serving fail', async (t) => {
  const folder = newFolder(t)
  // By a name that the generator is apt to try. From a registry: what a folder serves, the fuzzer would unload.
  const registry = await startRegistry(join(folder, 'registry'), '0')
  t.after(() => registry.close())
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const serving = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml: "deployments: [{model: '0'}]" }), { projectFolder: join(folder, 'project') })
  t.after(() => serving.stop())
  await ready(serving.url)
  await assertValid(await apiOf(serving.url), folder)
  await fuzz(t, serving.url, folder, ['--checks', 'not_a_server_error', '--max-examples', '40', '--exclude-path', '/-/outbox', '--exclude-path', '/journal'])
})

test('nor does one of a model’s own, whatever it takes; and what it answers is what the document says', async (t) => {
  const folder = newFolder(t)
  const place = (model: string, ...files: string[]): void => {
    const version = join(folder, 'models', model, '1')
    mkdirSync(version, { recursive: true })
    for (const file of files) cpSync(join(FIXTURES, file), join(version, file.endsWith('.onnx') ? 'model.onnx' : (file.split('/').at(-1) ?? file)))
  }
  place('features', 'one/model.onnx', 'one/MLmodel', 'one/features.json', 'one/input_example.json')
  place('plain', 'plain/model.onnx')
  place('pixels', 'pixels/model.onnx')
  place('classifier', 'sklearn/model.onnx')
  for (const datatype of ['BYTES', 'BOOL', 'FP16', 'INT64', 'UINT8']) place(datatype, `identity/${datatype}.onnx`)
  // Which dimensions and values go together, their declared shapes do not say; two cannot be loaded, since they do not run on nothings.
  const faults = readdirSync(join(FIXTURES, 'faults')).map((file) => file.replace('.onnx', ''))
  for (const model of faults.filter((name) => !['one-hot', 'cast', 'range'].includes(name))) place(model, `faults/${model}.onnx`)
  const serving = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: folder })
  t.after(() => serving.stop())
  await ready(serving.url)
  const document = await apiOf(serving.url)
  await assertValid(document, folder)
  for (const { path, name, status, text } of await sendExamples(serving.url, document)) assert.equal(status, 200, `${path}, ${name}: ${text}`)
  await fuzz(t, serving.url, folder, ['--checks', 'not_a_server_error,response_schema_conformance', '--max-examples', '40', '--include-path-regex', '^/invocations$|^/v[12]/models/[^{]'])
  // Much of it reached the models.
  const metrics = await (await fetch(`${serving.url}/metrics`)).text()
  const answered = new Map([...metrics.matchAll(/^model_infer_request_success_total\{model="([^"]+)",.*\} (\d+)$/gm)].map(([, model = '', count]) => [model, Number(count)]))
  const seldom = ['features', 'plain', 'pixels', 'classifier', 'BYTES', 'FP16', 'add', 'gather', 'concat'].filter((model) => (answered.get(model) ?? 0) < 5)
  assert.deepEqual(seldom, [])
})

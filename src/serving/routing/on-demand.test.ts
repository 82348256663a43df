import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { ModelCache } from './model-cache.ts'
import { registryAt } from './registry.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig, until } from '../testing.ts'

let folder: string
let registry: Registry
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'on-demand-'))
  registry = await startRegistry(join(folder, 'registry'))
  for (const [version, from] of [['1', 'one'], ['2', 'two'], ['3', 'one'], ['4', 'one']] as const) registry.add(version, join(FIXTURES, from))
  writeFileSync(join(folder, 'registry', '4', 'model.onnx'), 'this is not ONNX')
  registry.move('champion', '1')
  registry.move('frozen', '2')
})
after(async () => {
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(yaml: string): Promise<TestService> {
  return startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml }))
}

const tensors = Object.entries(ROW).map(([name, value]) => ({ name, shape: [1], datatype: typeof value === 'string' ? 'BYTES' : 'FP64', data: [value] }))

async function infer(service: TestService, path: string): Promise<{ status: number; version: string | null; text: string }> {
  const response = await fetch(`${service.url}/v2/models/${path}/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ inputs: tensors }) })
  return { status: response.status, version: response.headers.get('x-millrace-model-version'), text: await response.text() }
}

async function metric(service: TestService, line: RegExp): Promise<number> {
  return Number(line.exec(await (await fetch(`${service.url}/metrics`)).text())?.[1] ?? Number.NaN)
}

describe('a version that no deployment serves by default', () => {
  let service: TestService
  before(async () => {
    service = await start('deployments: [{model: delay}]')
    await ready(service.url)
  })
  after(() => service.stop())

  const FOUND: readonly [string, string][] = [
    ['delay/versions/2', '2'],
    ['delay@frozen', '2'],
    ['delay/versions/@frozen', '2'],
    ['delay@champion', '1'],
    ['delay/versions/1', '1'],
  ]
  for (const [path, version] of FOUND) {
    test(`is served at /v2/models/${path}`, async () => assert.deepEqual((({ status, version: by }) => ({ status, by }))(await infer(service, path)), { status: 200, by: version }))
  }

  test('is loaded once for all that ask for it at the same time, is not ready before that, and ready after', async () => {
    const readiness = async () => (await fetch(`${service.url}/v2/models/delay/versions/3/ready`)).status
    assert.equal(await readiness(), 400)
    const loads = /model_load_duration_seconds_count\{.*outcome="loaded".*\} (\d+)/
    const before = await metric(service, loads)
    const answers = await Promise.all(Array.from({ length: 20 }, () => infer(service, 'delay/versions/3')))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.equal((await metric(service, loads)) - before, 1)
    assert.equal(await readiness(), 200)
  })

  test('is refused in time where it is not loaded in the time that its caller waits, and is there for the next', async () => {
    registry.add('5', join(FIXTURES, 'one'))
    let letGo = (): void => undefined
    registry.held = new Promise((resolve) => (letGo = resolve))
    const path = `${service.url}/v2/models/delay/versions/5`
    const refused = await fetch(`${path}/infer`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-envoy-expected-rq-timeout-ms': '50' }, body: JSON.stringify({ inputs: tensors }) })
    assert.equal(refused.status, 504, await refused.text())
    letGo()
    await until(async () => (await fetch(`${path}/ready`)).status === 200)
    assert.equal((await infer(service, 'delay/versions/5')).version, '5')
  })

  test('is asked for by V1 and MLflow’s protocol, too', async () => {
    const post = (path: string, body: object, headers: Record<string, string> = {}) =>
      fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
    assert.equal((await post('/v1/models/delay/versions/2:predict', { instances: [ROW] })).headers.get('x-millrace-model-version'), '2')
    assert.equal((await post('/v1/models/delay@frozen:predict', { instances: [ROW] })).headers.get('x-millrace-model-version'), '2')
    assert.equal((await post('/invocations', { dataframe_records: [ROW] }, { 'x-millrace-model': 'delay/2' })).headers.get('x-millrace-model-version'), '2')
    assert.equal((await post('/invocations', { dataframe_records: [ROW] }, { 'x-millrace-model': 'delay@frozen' })).headers.get('x-millrace-model-version'), '2')
  })

  test('that cannot be loaded is refused with the reason, again without another try', async () => {
    const failed = /model_load_duration_seconds_count\{.*outcome="failed".*\} (\d+)/
    for (let i = 0; i < 3; i++) assert.equal((await infer(service, 'delay/versions/4')).status, 422)
    assert.equal(await metric(service, failed), 1)
  })

  test('an alias that moves is followed while the version before answers', async () => {
    registry.move('frozen', '3')
    await until(async () => {
      const { status, version } = await infer(service, 'delay@frozen')
      assert.equal(status, 200)
      return version === '3'
    })
    registry.move('frozen', '2')
  })

  const REFUSED: readonly [string, number][] = [
    ['delay/versions/99', 404],
    ['delay@nothing', 404],
    ['delay/versions/..%2F..%2Fetc', 404],
    ['delay/versions/01', 404],
    ['delay/versions/1e3', 404],
    ['other/versions/1', 404],
    ['other', 404],
    ['..%2Fdelay/versions/1', 404],
  ]
  for (const [path, status] of REFUSED) test(`${path}: ${status}`, async () => assert.equal((await infer(service, path)).status, status))
})

test('a registered model that is in no deployment is served where the configuration allows it, by its alias, and is otherwise not found', async () => {
  const open = await start('on_demand: {models: registered}')
  const closed = await start('on_demand: {models: none}\ndeployments: [{model: delay}]')
  try {
    await ready(closed.url)
    assert.deepEqual(await infer(open, 'delay').then(({ status, text, version }) => (status === 200 ? version : text)), '1')
    assert.equal((await infer(open, 'delay/versions/2')).version, '2')
    for (const name of ['nobody', '%2e%2e', 'a%2Fb', 'x'.repeat(5000)]) assert.equal((await infer(open, name)).status, 404, name)
    assert.equal((await infer(closed, 'delay/versions/2')).status, 404)
    assert.equal((await infer(closed, 'delay/versions/1')).version, '1')
  } finally {
    await Promise.all([open.stop(), closed.stop()])
  }
})

test('versions that were asked for longest ago make room for others, the deployed one stays', async () => {
  const versions = Array.from({ length: 12 }, (_, i) => String(100 + i))
  for (const version of versions) registry.add(version, join(FIXTURES, 'two'))
  const service = await start('on_demand: {max_bytes: 10000000}\ndeployments: [{model: delay}]')
  try {
    await ready(service.url)
    for (const version of versions) assert.equal((await infer(service, `delay/versions/${version}`)).status, 200, version)
    assert.ok((await metric(service, /model_cache_evictions_total\{.*\} (\d+)/)) >= 1)
    const index = (await (await fetch(`${service.url}/v2/repository/index`, { method: 'POST' })).json()) as readonly { readonly name: string; readonly version: string; readonly state: string }[]
    assert.deepEqual(index.filter(({ version }) => version === '1' || version === '111'), ['1', '111'].map((version) => ({ name: 'delay', version, state: 'READY', reason: '' })))
    assert.ok(!index.some(({ version }) => version === '100'))
    assert.ok((await metric(service, /model_version_bytes\{.*version="111".*place="loop".*\} (\d+)/)) > 0)
    assert.equal((await infer(service, 'delay')).version, '1')
  } finally {
    await service.stop()
  }
})

test('of what was downloaded on demand some versions of some models are kept, and all that are in use', () => {
  const cacheFolder = join(folder, 'cache')
  const cache = new ModelCache(cacheFolder, registryAt(createTransport(registry.url)))
  for (let model = 0; model < 130; model++) mkdirSync(join(cacheFolder, `m${model}`, '1'), { recursive: true })
  for (let version = 2; version < 12; version++) mkdirSync(join(cacheFolder, 'm0', String(version)))
  for (const [i, version] of readdirSync(join(cacheFolder, 'm0')).entries()) utimesSync(join(cacheFolder, 'm0', version), i, i)
  const oldest = readdirSync(join(cacheFolder, 'm0'))[0] ?? ''
  utimesSync(join(cacheFolder, 'm5'), 1, 1)
  cache.prune('m0', new Set([oldest]))
  assert.equal(readdirSync(join(cacheFolder, 'm0')).length, 6)
  assert.ok(existsSync(join(cacheFolder, 'm0', oldest)))
  cache.pruneModels((model) => new Set(model === 'm0' || model === 'm5' ? ['1'] : []))
  const left = readdirSync(cacheFolder)
  assert.equal(left.length, 102)
  assert.ok(left.includes('m0') && left.includes('m5'))
})

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, testConfig, until } from '../testing.ts'
import { parsePbtxt } from './pbtxt.ts'
import { readTritonConfig } from './triton-config.ts'

const CONFIG = `name: "pixels"  # as Triton has it
platform: "onnxruntime_onnx"
max_batch_size: 0
input [
  { name: "x", data_type: TYPE_FP32, dims: [ 3, 2, 2 ] }
]
output { name: "total" data_type: TYPE_FP32 dims: [] }
version_policy: { specific { versions: [1, 3] } }
parameters { key: "note" value: { string_value: 'a "quoted" ' "text" } }
`

describe('config.pbtxt', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'pbtxt-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const read = (text: string) => {
    writeFileSync(join(folder, 'config.pbtxt'), text)
    return readTritonConfig(folder)
  }

  test('is read in the forms that the text format allows', () => {
    const parsed = parsePbtxt(CONFIG, 'config.pbtxt')
    const [input] = parsed.get('input') ?? []
    assert.ok(input instanceof Map)
    assert.deepEqual(input.get('dims'), [3, 2, 2])
    const [parameter] = parsed.get('parameters') ?? []
    assert.ok(parameter instanceof Map)
    const [value] = parameter.get('value') ?? []
    assert.ok(value instanceof Map)
    assert.deepEqual(value.get('string_value'), ['a "quoted" text'])
    assert.deepEqual(read(CONFIG), { file: 'model.onnx', maxBatchSize: 0, versions: ['1', '3'] })
    assert.deepEqual(read('default_model_filename: "net.onnx"; max_batch_size: 16'), { file: 'net.onnx', maxBatchSize: 16, versions: undefined })
  })

  const BAD: readonly [string, RegExp][] = [
    ['name "x"', /config.pbtxt:1: found "x", expected : or {/],
    ['\n\nname: ', /config.pbtxt:3: found the end, expected a value/],
    ['a: [1 2]', /found 2, expected , or \]/],
    ['a: §', /found "§", expected protobuf's text format/],
    ['a {', /found the end, expected the name of a field, or }/],
    ['platform: "tensorflow_savedmodel"', /found tensorflow_savedmodel, and only ONNX models are served/],
    ['max_batch_size: -1', /max_batch_size is -1, expected a whole number/],
    ['ensemble_scheduling {}', /ensemble_scheduling is not supported/],
    [`${'a {'.repeat(40)}`, /nested more than 32 deep/],
  ]
  for (const [text, message] of BAD) {
    test(`${JSON.stringify(text.slice(0, 40))} is refused, and the error says where`, () => assert.throws(() => read(text), { code: 'MODEL_INVALID', message }))
  }
})

describe('a folder of models', () => {
  let folder: string
  let service: TestService
  const place = (model: string, version: string, from: string, file = 'model.onnx') => {
    mkdirSync(join(folder, 'models', model, version), { recursive: true })
    cpSync(join(FIXTURES, from), join(folder, 'models', model, version, file))
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'models-'))
    place('pixels', '1', 'pixels/model.onnx')
    place('pixels', '2', 'pixels/model.onnx', 'net.onnx')
    writeFileSync(join(folder, 'models', 'pixels', 'config.pbtxt'), 'default_model_filename: "net.onnx"')
    place('plain', '1', 'plain/model.onnx')
    writeFileSync(join(folder, 'models', 'plain', 'config.pbtxt'), 'max_batch_size: 4')
    place('broken', '1', 'make.py')
    place('fixed', '1', 'pixels/model.onnx')
    writeFileSync(join(folder, 'models', 'fixed', 'config.pbtxt'), 'max_batch_size: 4')
    service = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: folder })
    await until(async () => (await index()).every(({ state }) => state !== 'LOADING'))
  })
  after(async () => {
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = async (path: string, body?: object) => {
    const response = await fetch(`${service.url}${path}`, { method: 'POST', ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}) })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  const index = async (): Promise<{ name: string; version: string; state: string; reason: string }[]> => (await post('/v2/repository/index')).body
  const infer = (model: string) => post(`/v2/models/${model}/infer`, { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3, 2, 2], data: Array.from({ length: 12 }, () => 1) }] })

  beforeEach(async () => {
    await post('/v2/repository/models/pixels/load')
  })

  test('is served without a registry, each model in its newest version', async () => {
    const { status, body } = await infer('pixels')
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual([body.model_version, body.outputs[0].data], ['2', [12]])
  })

  test('the index names models, versions and states, with the reason where one cannot be served', async () => {
    const found = await index()
    assert.deepEqual(found.map(({ name, version, state }) => [name, version, state]), [
      ['broken', '1', 'UNAVAILABLE'],
      ['fixed', '1', 'UNAVAILABLE'],
      ['pixels', '2', 'READY'],
      ['plain', '1', 'READY'],
    ])
    assert.match(found[0]?.reason ?? '', /not a model that ONNX Runtime can load/)
    assert.match(found[1]?.reason ?? '', /max_batch_size is 4, but shape has shape \[4\]/)
    assert.deepEqual((await post('/v2/repository/index', { ready: true })).body.length, 2)
  })

  test('a model is unloaded and loaded again, with what has come meanwhile', async () => {
    assert.deepEqual(await post('/v2/repository/models/pixels/unload'), { status: 200, body: {} })
    const message = 'pixels was unloaded; POST /v2/repository/models/pixels/load loads it again'
    assert.deepEqual(await infer('pixels'), { status: 503, body: { error: message } })
    assert.deepEqual((await index()).filter(({ name }) => name === 'pixels').map(({ state, reason }) => [state, reason]), [['UNAVAILABLE', message]])
    assert.equal((await fetch(`${service.url}/v2/models/pixels/ready`)).status, 400)
    place('pixels', '10', 'pixels/model.onnx', 'net.onnx')
    assert.deepEqual(await post('/v2/repository/models/pixels/load'), { status: 200, body: {} })
    assert.equal((await infer('pixels')).body.model_version, '10')
    rmSync(join(folder, 'models', 'pixels', '10'), { recursive: true })
    await post('/v2/repository/models/pixels/load')
    assert.equal((await infer('pixels')).body.model_version, '2')
  })

  test('a model whose folder comes later is served when it is asked for or loaded, with the versions that it has then, until it is unloaded', async () => {
    assert.equal((await infer('late')).status, 404)
    place('late', '1', 'pixels/model.onnx')
    const { status, body } = await infer('late')
    assert.deepEqual([status, body.model_version], [200, '1'], JSON.stringify(body))
    place('late', '2', 'pixels/model.onnx')
    assert.equal((await infer('late')).body.model_version, '1')
    assert.deepEqual(await post('/v2/repository/models/late/load'), { status: 200, body: {} })
    assert.equal((await infer('late')).body.model_version, '2')
    const entries = async () => (await index()).filter(({ name }) => name === 'late').map(({ version, state }) => [version, state])
    assert.deepEqual(await entries(), [['2', 'READY']])
    assert.deepEqual(await post('/v2/repository/models/late/unload'), { status: 200, body: {} })
    assert.deepEqual(await entries(), [])
    const unloaded = await infer('late')
    assert.deepEqual([unloaded.status, unloaded.body.error], [503, 'late was unloaded; POST /v2/repository/models/late/load loads it again'])
    place('bad', '1', 'make.py')
    assert.deepEqual((await post('/v2/repository/models/bad/load')).status, 422)
    for (const model of ['late', 'bad']) rmSync(join(folder, 'models', model), { recursive: true })
    assert.equal((await post('/v2/repository/models/late/load')).status, 404)
  })

  const REFUSED: readonly [string, string, object | undefined, number, RegExp][] = [
    ['a file that is sent along', '/v2/repository/models/pixels/load', { parameters: { 'file:1/model.onnx': 'AAAA' } }, 400, /nothing can be uploaded/],
    ['a configuration that is sent along', '/v2/repository/models/pixels/load', { parameters: { config: '{}' } }, 400, /nothing can be uploaded or overridden/],
    ['a model that is not there', '/v2/repository/models/other/load', undefined, 404, /no model other/],
    ['a way out of the folder', '/v2/repository/models/..%2F..%2Fetc/load', undefined, 404, /no model/],
    ['a model that cannot be loaded', '/v2/repository/models/broken/load', undefined, 422, /could not be loaded/],
  ]
  for (const [name, path, body, status, message] of REFUSED) {
    test(`${name}: ${status}, as Triton’s clients read it`, async () => {
      const answer = await post(path, body)
      assert.equal(answer.status, status)
      assert.match(answer.body.error, message)
    })
  }

  test('a folder that is not there stops the start', async () => {
    await assert.rejects(startForTest(servingService, testConfig({ yaml: 'model_repository: nowhere' }), { projectFolder: join(folder, 'other') }), { code: 'CONFIG_INVALID', message: /there is no folder .*nowhere/ })
  })
})

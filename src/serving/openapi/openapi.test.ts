import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { DATATYPES } from '../runtime/tensor/datatypes.ts'
import { type ServingProcess, startReadyProcess } from '../testing-process.ts'
import { setUpStories } from '../testing-stories.ts'
import { FIXTURES, ready, testConfig, until } from '../testing.ts'
import { apiOf, sendExamples } from './testing.ts'

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs']
const LARGEST = 9_007_199_254_740_991

async function assertAnswered(url: string): Promise<readonly string[]> {
  const sent = await sendExamples(url, await apiOf(url))
  for (const { path, name, status, text } of sent) assert.equal(status, 200, `${path}, ${name}: ${text}`)
  return sent.map(({ path, name }) => `${path} ${name}`)
}

describe('the OpenAPI document, of the registry’s models', () => {
  const story = setUpStories({}, { versions: { 1: 'one', 4: 'plain' }, aliases: { champion: '1' } })
  const start = (more = '') => story.start(`deployments: [{model: delay}]\n${more}`).then(() => ready(story.url))

  test('has the addresses of a model by rows, the types of its columns, and examples that are answered', async () => {
    await start()
    assert.deepEqual(await assertAnswered(story.url), [...FORMS, 'csv'].map((name) => `/invocations ${name}`).concat('/v2/models/delay/infer tensors', '/v1/models/delay:predict instances'))
    const { paths, components } = await apiOf(story.url)
    assert.match(paths['/v2/models/delay/infer']?.post?.description ?? '', /^Version 1, behind the alias champion\.$/)
    assert.partialDeepStrictEqual(components.schemas['delay.row'], {
      required: ['distance', 'hhmm', 'carrier', 'origin', 'hour'],
      properties: {
        distance: { type: 'number' },
        hhmm: { type: 'integer', minimum: -LARGEST, maximum: LARGEST },
        carrier: { type: 'string' },
        hour: { type: ['string', 'number'], format: 'date-time' },
        weather__wind: { type: ['number', 'null'] },
      },
    })
    assert.partialDeepStrictEqual(components.schemas['delay.predictions'], { properties: { predictions: { items: { required: ['label', 'probability'] } } } })
    // What the version was logged with.
    const split = paths['/invocations']?.post?.requestBody?.content['application/json']?.examples?.['dataframe_split']
    assert.partialDeepStrictEqual(split?.value, { dataframe_split: { data: [[1000, 1435, 'AA', 'JFK', '2013-01-01T14:00:00Z', 10.5]] } })
  })

  test('follows the version that answers', async () => {
    await start()
    assert.ok('delay.row' in (await apiOf(story.url)).components.schemas)
    story.registry.move('champion', '4')
    await until(async () => (await story.client().deployments())[0]?.version === '4')
    const { paths, components } = await apiOf(story.url)
    assert.match(paths['/v1/models/delay:predict']?.post?.description ?? '', /Version 4/)
    assert.partialDeepStrictEqual(components.schemas['delay.row'], { required: ['a', 'b'] })
    assert.deepEqual(Object.keys(Object(components.schemas['delay.row']?.['properties'])), ['a', 'b'])
    assert.partialDeepStrictEqual(components.schemas['delay.infer'], {
      properties: { inputs: { prefixItems: [{ properties: { name: { const: 'a' }, datatype: { const: 'FP32' }, shape: { prefixItems: [{ type: 'integer', minimum: 0 }, { const: 1 }] } } }, { properties: { name: { const: 'b' } } }] } },
    })
    await assertAnswered(story.url)
    story.registry.move('champion', null)
    await until(async () => (await story.client().deployments())[0]?.version === null)
    const none = await apiOf(story.url)
    assert.deepEqual(Object.keys(none.paths).filter((path) => path.includes('/delay')), [])
    assert.ok('/invocations' in none.paths && '/v2/models/{model}/infer' in none.paths)
  })

  test('shows nothing of what the journal must not hold', async () => {
    await story.start('deployments: [{model: delay, journal: {mask: {drop: [hhmm], hash: [carrier]}}}]')
    await ready(story.url)
    const { paths } = await apiOf(story.url)
    const example = paths['/v1/models/delay:predict']?.post?.requestBody?.content['application/json']?.examples?.['instances']
    assert.partialDeepStrictEqual(example?.value, { instances: [{ distance: 1000, hhmm: 0, carrier: '', origin: 'JFK' }] })
    await assertAnswered(story.url)
  })

  test('does not grow with what callers have loaded', async () => {
    await start('on_demand: {models: registered}')
    const before = Object.keys((await apiOf(story.url)).paths)
    assert.equal((await fetch(`${story.url}/v2/models/delay/versions/4`)).status, 200)
    assert.deepEqual(Object.keys((await apiOf(story.url)).paths), before)
  })

  test('stands in YAML, too', async () => {
    await start()
    assert.match(await (await fetch(`${story.url}/docs/yaml`)).text(), /\/v2\/models\/delay\/infer:/)
  })
})

describe('the OpenAPI document, of workers', () => {
  let serving: ServingProcess
  const story = setUpStories({ start: async (folder, options) => (serving = await startReadyProcess(folder, { ...options, workers: 2 })) }, { versions: { 1: 'one' }, aliases: { champion: '1' } })

  test('has examples that each of them answers', async () => {
    await story.start('deployments: [{model: delay}]')
    assert.equal(serving.workers.length, 2)
    for (let i = 0; i < 2; i++) assert.ok((await assertAnswered(story.url)).includes('/v2/models/delay/infer tensors'))
  })
})

describe('the OpenAPI document, of a folder in Triton’s layout', () => {
  let folder: string
  let service: TestService
  const place = (model: string, file: string, example?: unknown) => {
    const version = join(folder, 'models', model, '1')
    mkdirSync(version, { recursive: true })
    cpSync(join(FIXTURES, file), join(version, 'model.onnx'))
    if (example !== undefined) writeFileSync(join(version, 'input_example.json'), JSON.stringify(example))
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'openapi-'))
    for (const datatype of DATATYPES) place(datatype, `identity/${datatype}.onnx`)
    for (const model of ['plain', 'pixels', 'sklearn']) place(model, `${model}/model.onnx`)
    // Two inputs, all of whose dimensions are free; an index; three scalars.
    for (const model of ['add', 'gather', 'range', 'matmul']) place(model, `faults/${model}.onnx`)
    place('product', 'faults/matmul.onnx', { inputs: [[1, 2, 3]] })
    place('flight delay {ü}', 'plain/model.onnx', { a: 1.5, b: 2 })
    place('flight_delay____', 'plain/model.onnx')
    mkdirSync(join(folder, 'models', 'rows', '1'), { recursive: true })
    cpSync(join(FIXTURES, 'one'), join(folder, 'models', 'rows', '1'), { recursive: true })
    service = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: folder })
    await ready(service.url)
  })
  after(async () => {
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('has examples of every datatype, by tensors and by rows, and each is answered', async () => {
    const names = await assertAnswered(service.url)
    for (const model of [...DATATYPES, 'plain', 'pixels', 'sklearn', 'add', 'gather', 'product', 'rows']) assert.ok(names.includes(`/v2/models/${model}/infer tensors`), model)
    for (const model of ['plain', 'rows', 'sklearn', 'FP32', 'gather']) for (const form of FORMS) assert.ok(names.includes(`/invocations ${model}: ${form}`), model)
  })

  test('takes the example that a model was logged with, and says where there is none that runs', async () => {
    const { paths } = await apiOf(service.url)
    const of = (model: string) => paths[`/v2/models/${encodeURIComponent(model)}/infer`]?.post
    const valueOf = (model: string) => of(model)?.requestBody?.content['application/json']?.examples?.['tensors']?.value
    assert.deepEqual(valueOf('product'), { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] })
    assert.partialDeepStrictEqual(valueOf('flight delay {ü}'), { inputs: [{ name: 'a', data: [1.5] }, { name: 'b', data: [2] }] })
    assert.partialDeepStrictEqual(valueOf('BYTES'), { inputs: [{ shape: [1, 2], data: ['', ''] }] })
    for (const model of ['matmul', 'range']) {
      assert.equal(valueOf(model), undefined)
      assert.match(of(model)?.description ?? '', /does not run on zeros/)
    }
  })

  test('keeps models apart whose names are alike', async () => {
    const { components } = await apiOf(service.url)
    assert.ok('flight_delay____.row' in components.schemas && 'flight_delay____-2.row' in components.schemas, Object.keys(components.schemas).join())
  })

  test('names all models that /invocations may be asked for', async () => {
    const { paths } = await apiOf(service.url)
    assert.match(JSON.stringify(paths['/invocations']), /"name":"x-millrace-model","required":true,"schema":\{"type":"string","enum":\[/)
  })

  test('lists a model that came later once it was asked for, and not after it was unloaded', async () => {
    place('later', 'pixels/model.onnx')
    const has = async () => '/v2/models/later/infer' in (await apiOf(service.url)).paths
    assert.equal(await has(), false)
    assert.equal((await fetch(`${service.url}/v2/models/later`)).status, 200)
    assert.equal(await has(), true)
    await assertAnswered(service.url)
    assert.equal((await fetch(`${service.url}/v2/repository/models/later/unload`, { method: 'POST' })).status, 200)
    assert.equal(await has(), false)
  })
})

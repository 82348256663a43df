import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createTransport } from '../../../sdk/http.ts'
import { packSegment } from '../../serving/journal/parquet/pack.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../../serving/index.ts'
import { FIXTURES, ready, testConfig } from '../../serving/testing.ts'
import { drawTensorText, drawText } from './draw.ts'
import { drawTensorHtml } from './page.ts'
import { replay } from './run.ts'
import { replayTensors } from './run-tensors.ts'
import { slicesOf } from './slice.ts'
import { ReplayStore } from './source.ts'
import type { TensorReport } from './tensor-report.ts'
import { compareTensors, decodeAnswer, encodeRequest } from './tensors.ts'

const MAIN = join(import.meta.dirname, '../../main.ts')
let folder: string
let service: TestService
let config: ReturnType<typeof testConfig>
const FROM = Date.now() - 1000

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replay-tensors-'))
  for (const [model, version, from] of [['same', '1', 'INT64'], ['same', '2', 'FP32'], ['same', '3', 'FP32'], ['wide', '1', 'INT64']] as const) {
    mkdirSync(join(folder, 'models', model, version), { recursive: true })
    cpSync(join(FIXTURES, 'identity', `${from}.onnx`), join(folder, 'models', model, version, 'model.onnx'))
  }
  for (const version of ['1', '2']) cpSync(join(FIXTURES, 'iris'), join(folder, 'models', 'iris', version), { recursive: true })
  for (const version of ['1', '2']) cpSync(join(FIXTURES, 'plain', 'model.onnx'), join(folder, 'models', 'plain', version, 'model.onnx'), { recursive: true })
  config = testConfig({ yaml: `model_repository: '${join(folder, 'models')}'` })
  service = await startForTest(servingService, config, { projectFolder: folder })
  await ready(service.url)
})
after(async () => {
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(model: string, datatype: string, data: readonly (number | string)[]): Promise<void> {
  const described = (await (await fetch(`${service.url}/v2/models/${model}`)).json()) as { readonly inputs: readonly [{ readonly name: string }] }
  const tensor = { datatype, shape: [data.length / 2, 2], data }
  const { body, headers } = encodeRequest({ [described.inputs[0].name]: tensor })
  const response = await fetch(`${service.url}/v2/models/${model}/infer`, { method: 'POST', body: new Uint8Array(body), headers })
  assert.equal(response.status, 200, await response.text())
}

async function run(model: string, version: string, more: { readonly against?: string; readonly by?: string } = {}): Promise<TensorReport> {
  const options = { model, version, ...more, from: FROM, to: Date.now() + 1000, onProgress: () => undefined }
  const store = await ReplayStore.open({ folder, config }, options)
  try {
    return await replayTensors(store, createTransport(service.url), options)
  } finally {
    store.close()
  }
}

describe('millrace replay of a model asked by tensors', () => {
  test('the same version gives the same elements again, NaN and infinities too; what was too large to be kept is counted', async () => {
    await ask('same', 'FP32', [0.1, 'NaN', 'Infinity', 4])
    await ask('same', 'FP32', [1, 2])
    await ask('same', 'FP32', Array.from({ length: 2000 }, (_, i) => i))
    const report = await run('same', '3')
    assert.deepEqual([report.recorded, report.replayed, report.left_out.requests, report.refused.requests], [3, 2, 1, 0])
    assert.deepEqual(report.outputs.map(({ requests, elements, max_absolute_difference: largest, changed }) => [requests, elements, largest, changed]), [[2, 6, 0, 0]])
    assert.match(drawTensorText(report), /2 of 3 recorded answers by tensors replayed\n1 requests cannot be sent again/)
    assert.equal((await run('same', '2', { against: '3' })).outputs[0]?.changed, 0)
  })

  test('by an element of an input, the rows of all requests are sliced', async () => {
    const name = 'x'
    const report = await run('same', '2', { by: `${name}[1]` })
    assert.equal(report.by, 'x[1]')
    // Rows [0.1, NaN], [Infinity, 4] and [1, 2].
    assert.deepEqual(report.slices.map(({ slice, rows, elements, changed }) => [slice, rows, elements, changed]), [['1: up to 2.5', 1, 2, 0], ['4: above 3.5', 1, 2, 0], ['missing', 1, 2, 0]])
    assert.match(drawTensorText(report), /by x\[1\]\nslice +output +rows/)
    const html = drawTensorHtml(report)
    assert.match(html, /<svg/)
    assert.match(html, /<h2>by x\[1\]<\/h2>/)
    for (const [by, message] of [['x', /x has 2 elements a row, expected one of them: x\[0\] … x\[1\]/], ['z', /found z, expected an input of the model, x, or/], ['x[2]', /x has 2 elements a row/]] as const) {
      await assert.rejects(run('same', '2', { by }), { code: 'USAGE', message })
    }
  })

  test('the command writes the report as text, as JSON and as a page', async () => {
    writeFileSync(join(folder, 'millrace.yaml'), `project: test\nmodel_repository: models\nservices: {serving: {url: '${service.url}'}}\n`)
    const [json, html] = [join(folder, 'report.json'), join(folder, 'report.html')]
    const day = (later: number): string => new Date(Date.now() + later * 86_400_000).toISOString().slice(0, 10)
    const options = ['--model', 'same', '--from', day(-1), '--to', day(1), '--version', '3', '--by', 'x[0]', '--json', json, '--html', html]
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'replay', ...options], { cwd: folder })
    assert.match(stdout, /2 of 3 recorded answers by tensors replayed/)
    const report: TensorReport = JSON.parse(readFileSync(json, 'utf8'))
    assert.deepEqual([report.outputs[0]?.changed, report.slices.reduce((sum, { rows }) => sum + rows, 0)], [0, 3])
    assert.match(readFileSync(html, 'utf8'), /2 of 3 recorded answers by tensors replayed/)
  })

  test('slices are texts, truths or numbers, whole ones beyond 2^53 too; NaN is missing', () => {
    const values = (datatype: string, shape: readonly number[], ...data: readonly (string | number | boolean)[]) => slicesOf('x', { x: { datatype, shape, data } })
    assert.deepEqual(values('BYTES', [2, 1], 'a', 'b'), ['a', 'b'])
    assert.deepEqual(values('BOOL', [1], true), [true])
    assert.deepEqual(values('INT64', [1], '9007199254740993'), [9007199254740992])
    assert.deepEqual(values('FP32', [3], 'NaN', 'Infinity', 1), [null, Number.POSITIVE_INFINITY, 1])
    assert.deepEqual(values('FP32', [], 1), [1])
    assert.deepEqual(values('FP32', [0, 4]), [])
    assert.deepEqual(slicesOf('x[1]', { 'x[1]': { datatype: 'FP32', shape: [1], data: [7] } }), [7])
  })

  test('a version that does not take them is refused, and that is counted', async () => {
    const report = await run('same', '1')
    assert.deepEqual([report.replayed, report.refused.requests], [1, 1])
    assert.ok(report.refused.example)
  })

  test('a version that is not there is said so', async () => {
    await assert.rejects(run('same', '99'), { code: 'NOT_FOUND', message: /version 99 of same/ })
  })

  test('whole numbers beyond 2^53 are sent to the last digit, from packed Parquet too', async () => {
    await ask('wide', 'INT64', ['9007199254740993', '-9223372036854775808'])
    const { stop } = service
    await stop()
    service = await startForTest(servingService, config, { projectFolder: folder })
    await ready(service.url)
    await packSegment(join(folder, '.millrace', 'serving', 'journal'), 0)
    const report = await run('wide', '1')
    assert.deepEqual([report.replayed, report.outputs[0]?.elements, report.outputs[0]?.changed], [1, 2, 0])
  })

  test('rows that were answered with no score are asked again by their columns, and their outputs compared, from the journal and from Parquet', async () => {
    const row = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 }
    const rows = [row, { ...row, petal_length: 4.7, petal_width: 1.4 }, { ...row, petal_length: 6, petal_width: 2.5 }]
    const response = await fetch(`${service.url}/v1/models/iris:predict`, { method: 'POST', body: JSON.stringify({ instances: rows }), headers: { 'content-type': 'application/json' } })
    assert.equal(response.status, 200, await response.text())
    const report = await run('iris', '1', { by: 'petal_length' })
    assert.deepEqual([report.recorded, report.replayed, report.refused.requests], [3, 3, 0])
    assert.ok(report.outputs.length > 1)
    // Three rows went through the model at once, and now one by one: the runtime's last digits differ.
    const same = ({ outputs }: TensorReport) => outputs.every(({ requests, changed, max_absolute_difference: largest }) => requests === 3 && (largest === null ? changed === 0 : largest < 1e-6))
    assert.ok(same(report), JSON.stringify(report.outputs))
    assert.equal(report.slices.filter(({ output }) => output === report.outputs[0]?.output).reduce((sum, { rows: count }) => sum + count, 0), 3)
    assert.match(drawTensorText(report), /3 of 3 recorded answers by tensors replayed/)
    await service.stop()
    service = await startForTest(servingService, config, { projectFolder: folder })
    await ready(service.url)
    const journal = join(folder, '.millrace', 'serving', 'journal')
    const [segment = ''] = readdirSync(journal).filter((name) => name.endsWith('.ndjson') && readFileSync(join(journal, name), 'utf8').includes('"model":"iris"'))
    await packSegment(journal, Number.parseInt(segment, 10))
    assert.ok(same(await run('iris', '1')))
    assert.deepEqual((await run('iris', '2', { against: '1' })).outputs.map(({ requests, changed }) => [requests, changed]), report.outputs.map(() => [3, 0]))
  })

  test('rows of a model whose tensors are called as its columns are replayed by their scores; what was asked by tensors is left out, and said so', async () => {
    const post = (path: string, body: object) => fetch(`${service.url}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
    assert.equal((await post('/v1/models/plain:predict', { instances: [{ a: 1, b: 2 }, { a: 0.5, b: 7 }] })).status, 200)
    assert.equal((await post('/v2/models/plain/infer', { inputs: [{ name: 'a', shape: [1, 1], datatype: 'FP32', data: [1] }, { name: 'b', shape: [1, 1], datatype: 'INT64', data: [2] }] })).status, 200)
    const rows = async (by: string) => {
      const options = { model: 'plain', version: '2', by, from: FROM, to: Date.now() + 1000, onProgress: () => undefined }
      const store = await ReplayStore.open({ folder, config }, options)
      try {
        return await replay(store, createTransport(service.url), options)
      } finally {
        store.close()
      }
    }
    const report = await rows('b')
    assert.deepEqual([report.recorded, report.replayed, report.by_tensors, report.overall?.max_absolute_difference, report.overall?.class_changes], [2, 2, 1, 0, null])
    assert.deepEqual(report.slices.map(({ rows: count }) => count), [1, 1])
    assert.match(drawText(report), /1 answers by tensors, or without a score, were left out/)
    await assert.rejects(rows('nonsense'), { code: 'USAGE', message: /found nonsense, expected an input or a feature of the rows: a, b/ })
  })

  test('elements are compared one by one; texts and booleans by whether they are the same', () => {
    const tensor = (datatype: string, ...data: (number | string | boolean)[]) => ({ datatype, shape: [data.length], data })
    assert.deepEqual(compareTensors('y', tensor('FP32', 1, 2, 'NaN'), tensor('FP32', 1.5, 1, 'NaN')), { elements: 3, changed: 2, numbers: { count: 3, absolute: 1.5, furthest: -1 } })
    assert.deepEqual(compareTensors('y', tensor('BYTES', 'a', 'b'), tensor('BYTES', 'a', 'c')), { elements: 2, changed: 1, numbers: null })
    assert.throws(() => compareTensors('y', tensor('FP32', 1), tensor('FP32', 1, 2)), /shape \[2\], and had \[1\]/)
    const text = { x: { datatype: 'BYTES', shape: [2], data: ['é', ''] } }
    const { body, headers } = encodeRequest(text)
    assert.deepEqual(decodeAnswer(Buffer.concat([Buffer.from(body.subarray(0, Number(headers['inference-header-content-length'])).toString().replace('"inputs"', '"outputs"')), body.subarray(Number(headers['inference-header-content-length']))]), Number(headers['inference-header-content-length']) + 1), text)
  })
})

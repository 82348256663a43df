import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, type Registry, ready, startRegistry, testConfig, until, wholeJournal } from '../testing.ts'

const MODELS = ['pixels', 'pair', 'plain', 'grades'] as const

describe('models asked by their own tensors', () => {
  let folder: string
  const registries: Registry[] = []
  const services = new Map<string, TestService>()

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tensors-'))
    for (const model of MODELS) {
      const registry = await startRegistry(join(folder, `registry-${model}`), model)
      registries.push(registry)
      registry.add('1', join(FIXTURES, model))
      registry.move('champion', '1')
      if (model === 'grades') registry.add('2', join(FIXTURES, model))
      registry.move('challenger', model === 'grades' ? '2' : '1')
      const yaml = `deployments: [{model: ${model}, shadow: [challenger], batch: {max_rows: 8}, limits: {max_wait: 60s}}]`
      const service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml }), { projectFolder: join(folder, model) })
      services.set(model, service)
      await ready(service.url)
    }
  })

  after(async () => {
    for (const service of services.values()) await service.stop()
    for (const registry of registries) await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const url = (model: string) => services.get(model)?.url ?? ''
  const infer = async (model: string, body: object) => {
    const response = await fetch(`${url(model)}/v2/models/${model}/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  const ones = (rows: number) => ({ name: 'x', datatype: 'FP32', shape: [rows, 3, 2, 2], data: Array.from({ length: rows * 12 }, (_, i) => i) })

  test('a model of four dimensions answers with its own outputs, and says what it takes', async () => {
    const { status, body } = await infer('pixels', { id: 'cat', inputs: [ones(2)] })
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(body, {
      model_name: 'pixels',
      model_version: '1',
      id: 'cat',
      outputs: [
        { name: 'total', shape: [2], datatype: 'FP32', data: [66, 210] },
        { name: 'shape', shape: [4], datatype: 'INT64', data: [2, 3, 2, 2] },
      ],
    })
    const metadata = JSON.parse(await (await fetch(`${url('pixels')}/v2/models/pixels`)).text())
    assert.deepEqual(metadata.inputs, [{ name: 'x', datatype: 'FP32', shape: [-1, 3, 2, 2] }])
    assert.deepEqual(metadata.outputs.map(({ name }: { name: string }) => name), ['total', 'shape'])
  })

  test('requests that come together to a model whose first axis nobody named a batch are run one by one', async () => {
    const answers = await Promise.all([1, 2, 3].map((rows) => infer('pixels', { inputs: [ones(rows)], outputs: [{ name: 'shape' }] })))
    assert.deepEqual(answers.map(({ body }) => body.outputs[0].data), [[1, 3, 2, 2], [2, 3, 2, 2], [3, 3, 2, 2]])
  })

  test('all outputs are answered where none is asked for, by an empty list too', async () => {
    const whole = await infer('pixels', { id: 'cat', inputs: [ones(1)] })
    for (const outputs of [[], null]) assert.deepEqual(await infer('pixels', { id: 'cat', inputs: [ones(1)], outputs }), whole)
  })

  const BAD: readonly [string, string, object, number, RegExp][] = [
    ['another shape', 'pixels', { ...ones(1), shape: [1, 12] }, 400, /input x has shape \[1, 12\], the model takes \[-1, 3, 2, 2\]/],
    ['text for numbers', 'pixels', { name: 'x', datatype: 'BYTES', shape: [1, 3, 2, 2], data: Array.from({ length: 12 }, () => 'a') }, 400, /expected FP32/],
    ['an input that the model has not', 'pixels', { ...ones(1), name: 'y' }, 400, /inputs\[0\] \(y\): the model takes x/],
    ['a missing input', 'plain', { name: 'a', datatype: 'FP32', shape: [1, 1], data: [1] }, 400, /input b is missing; the model takes a, b/],
  ]
  for (const [name, model, input, status, message] of BAD) {
    test(`${name}: ${status}, and says so`, async () => {
      const answer = await infer(model, { inputs: [input] })
      assert.equal(answer.status, status)
      assert.match(answer.body.error, message)
    })
  }

  const ask = async (model: string, path: string, body: object) => {
    const response = await fetch(`${url(model)}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }

  test('rows are refused with the reason', async () => {
    const { status, body } = await ask('pixels', '/invocations', { dataframe_records: [{ x: 1 }] })
    assert.equal(status, 400)
    assert.match(body.message, /pixels takes tensors only, as nested lists.*shape/)
  })

  const image = (from: number) => [0, 1, 2].map((c) => [0, 1].map((y) => [0, 1].map((x) => from + c * 4 + y * 2 + x)))
  const IMAGES = [image(0), image(12)]
  const TOTALS = { total: [66, 210], shape: [2, 3, 2, 2] }
  const PAIR = { a: [[1, 2, 3], [4, 5, 6]], b: [10, 4294967296] }
  const SUMS = { sum: [[11, 12, 13], [4294967300, 4294967301, 4294967302].map(Math.fround)], same: [10, 4294967296] }
  const NESTED: readonly [string, string, string, object, object][] = [
    ['a nested list for the only input', 'pixels', '/invocations', { inputs: IMAGES }, TOTALS],
    ['a nested list of instances', 'pixels', '/invocations', { instances: IMAGES }, TOTALS],
    ['a nested list by the name of the input', 'pixels', '/invocations', { inputs: { x: IMAGES } }, TOTALS],
    ['instances by name', 'pixels', '/invocations', { instances: IMAGES.map((x) => ({ x })) }, TOTALS],
    ['V1’s instances', 'pixels', '/v1/models/pixels:predict', { instances: IMAGES }, TOTALS],
    ['V1’s instances by name', 'pixels', '/v1/models/pixels:predict', { instances: IMAGES.map((x) => ({ x })) }, TOTALS],
    ['several inputs', 'pair', '/invocations', { inputs: PAIR, params: {} }, SUMS],
    ['a name that the model does not know', 'pair', '/invocations', { inputs: { ...PAIR, c: 1 } }, SUMS],
    ['instances of several inputs', 'pair', '/invocations', { instances: [0, 1].map((i) => ({ a: PAIR.a[i], b: PAIR.b[i] })) }, SUMS],
    ['a column in lists of one', 'pair', '/v1/models/pair:predict', { instances: [0, 1].map((i) => ({ a: PAIR.a[i], b: [PAIR.b[i]] })) }, SUMS],
  ]
  for (const [name, model, path, body, predictions] of NESTED) {
    test(`${name}: nested lists are a model’s tensors, answered by the names of its outputs`, async () => {
      assert.deepEqual(await ask(model, path, body), { status: 200, body: { predictions } })
    })
  }

  const MISNESTED: readonly [string, string, object, RegExp][] = [
    ['too flat', 'pixels', { inputs: [[1, 2, 3]] }, /input x has shape \[1, 3\], the model takes \[-1, 3, 2, 2\]/],
    ['one image alone', 'pixels', { inputs: image(0) }, /input x has shape \[3, 2, 2\], the model takes \[-1, 3, 2, 2\]/],
    ['a list that is shorter', 'pixels', { inputs: [[[[1, 2], [3]]]] }, /input x\[0\]\[0\]\[1\] has 1 values, expected 2 as its neighbours have; the model takes \[-1, 3, 2, 2\]/],
    ['a value among lists', 'pair', { inputs: { ...PAIR, a: [[1], 2] } }, /input a\[1\] is 2, expected a list of 1 as its neighbours are; the model takes \[-1, -1\]/],
    ['a list among values', 'pair', { inputs: { ...PAIR, b: [1, [2]] } }, /input b\[1\] is a list, expected a value as its neighbours are; the model takes \[-1\]/],
    ['text', 'pixels', { inputs: [image(0).map((c) => c.map((y) => y.map(String)))] }, /input x: found "0", expected FP32/],
    ['a fraction for a whole number', 'pair', { inputs: { ...PAIR, b: [1, 0.5] } }, /input b: found 0.5, expected UINT64/],
    ['a list for several inputs', 'pair', { inputs: PAIR.a }, /inputs is a list, expected an object with a nested list for each input: a, b/],
    ['a missing input', 'pair', { inputs: { a: PAIR.a } }, /inputs has no b; the model takes a, b/],
    ['an instance without an input', 'pair', { instances: [{ a: [1], b: 1 }, { a: [1] }] }, /instances\[1\] has no b; the model takes a, b/],
    ['an instance that is a list', 'pair', { instances: [{ a: [1], b: 1 }, [1]] }, /instances\[1\] is a list, expected an object as its neighbours are/],
    ['lists nine deep', 'pixels', { inputs: [[[[[[[[[1]]]]]]]]] }, /input x is nested 9 deep, expected 8 at most/],
  ]
  for (const [name, model, body, message] of MISNESTED) {
    test(`nested lists are refused for ${name}, and it is said where`, async () => {
      const answer = await ask(model, '/invocations', body)
      assert.match(answer.body.message, message)
      assert.equal(answer.status, 400)
    })
  }

  test('what was asked and answered is in the journal, the shadow’s answer beside it', async () => {
    const start = Number((await fetch(`${url('pixels')}/journal`)).headers.get('x-millrace-journal-head'))
    await infer('pixels', { inputs: [ones(1)], outputs: [{ name: 'total' }] })
    const read = async () => (await (await fetch(`${url('pixels')}/journal?after=${start}`)).text()).trimEnd().split('\n').map((line) => JSON.parse(line))
    let lines = await read()
    while (lines.length < 2) lines = await read()
    const outputs = { total: { datatype: 'FP32', shape: [1], data: [66] } }
    assert.deepEqual([lines[0].role, lines[0].tensors], ['champion', { inputs: { x: { datatype: 'FP32', shape: [1, 3, 2, 2], data: ones(1).data } }, outputs }])
    assert.deepEqual([lines[1].role, lines[1].alias, lines[1].tensors], ['shadow', 'challenger', { outputs }])
  })

  test('a shadow of a model that answers rows with its own outputs is journaled and compared like any other', async () => {
    const rows = [5.1, 6.9].map((length) => ({ sepal_length: length, sepal_width: 3.3, petal_length: length - 1.2, petal_width: 2 }))
    await until(async () => (await (await fetch(`${url('grades')}/deployments`)).text()).includes('"version":"2"'))
    const { status } = await ask('grades', '/invocations', { dataframe_records: rows })
    assert.equal(status, 200)
    let lines = await wholeJournal(url('grades'))
    while (lines.length < 4) lines = await wholeJournal(url('grades'))
    assert.deepEqual(lines.map(({ role, version, row, score, inputs }) => [role, version, row, score, inputs]), [
      ['champion', '1', 0, undefined, rows[0]],
      ['champion', '1', 1, undefined, rows[1]],
      ['shadow', '2', 0, undefined, undefined],
      ['shadow', '2', 1, undefined, undefined],
    ])
    assert.deepEqual(lines.slice(2).map(({ tensors }) => tensors), lines.slice(0, 2).map(({ tensors }) => tensors))
    const metrics = async () => await (await fetch(`${url('grades')}/metrics`)).text()
    await until(async () => /model_shadow_compared_rows_total\{model="grades",alias="challenger",version="2",[^}]*\} 2/.test(await metrics()))
    assert.match(await metrics(), /model_shadow_difference_total\{model="grades",alias="challenger",version="2",[^}]*\} 0/)
  })

  test('of a tensor with many elements the journal keeps the shape', async () => {
    const start = Number((await fetch(`${url('pixels')}/journal`)).headers.get('x-millrace-journal-head'))
    await infer('pixels', { inputs: [ones(100)] })
    const [first = ''] = (await (await fetch(`${url('pixels')}/journal?after=${start}`)).text()).split('\n')
    assert.deepEqual(JSON.parse(first).tensors.inputs, { x: { datatype: 'FP32', shape: [100, 3, 2, 2] } })
  })

  test('a column may be written with one dimension or with two', async () => {
    const column = (name: string, shape: readonly number[]) => ({ name, datatype: 'FP32', shape, data: [1, 2] })
    const { body } = await infer('plain', { inputs: [column('a', [2]), column('b', [2, 1])] })
    assert.deepEqual(body.outputs[0].data, [3, 6])
  })

  test('a model that takes rows too answers hundreds of requests of mixed sizes at once, each with its own', async () => {
    const sizes = fc.sample(fc.integer({ min: 1, max: 20 }), { numRuns: 300, seed: 7 })
    const answers = await Promise.all(
      sizes.map((rows, i) =>
        infer('plain', {
          inputs: [
            { name: 'a', datatype: 'FP64', shape: [rows, 1], data: Array.from({ length: rows }, (_, row) => i + row) },
            { name: 'b', datatype: 'INT32', shape: [rows], data: Array.from({ length: rows }, () => i) },
          ],
        }),
      ),
    )
    for (const [i, { body }] of answers.entries()) {
      const rows = sizes[i] ?? 0
      assert.deepEqual(body.outputs, [{ name: 'prediction', shape: [rows, 1], datatype: 'FP32', data: Array.from({ length: rows }, (_, row) => 2 * (i + row) + i) }])
    }
  })
})

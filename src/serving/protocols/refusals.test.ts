import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, testConfig, until } from '../testing.ts'

const ROW = [5.1, 3.5, 1.4, 0.2]

describe('what is refused says what was found and what is taken', () => {
  let folder: string
  let service: TestService

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'refusals-'))
    const place = (model: string, from: string) => cpSync(join(FIXTURES, from), join(folder, 'models', model, '1', 'model.onnx'))
    cpSync(join(FIXTURES, 'grades'), join(folder, 'models', 'signed', '1'), { recursive: true })
    place('bare', 'grades/model.onnx')
    place('scored', 'sklearn/model.onnx')
    place('plain', 'plain/model.onnx')
    mkdirSync(join(folder, 'models', 'broken'))
    writeFileSync(join(folder, 'models', 'broken', 'config.pbtxt'), 'max_batch_size: many')
    service = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: folder })
    await until(async () => {
      const index = await send('POST', '/v2/repository/index')
      return !index.text.includes('LOADING')
    })
  })
  after(async () => {
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const send = async (method: string, path: string, body?: object | string, headers: Record<string, string> = {}) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const response = await fetch(`${service.url}${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(text === undefined ? {} : { body: text }) })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const invoke = (model: string, body: object | string, type = 'application/json') => send('POST', '/invocations', body, { 'x-millrace-model': model, 'content-type': type })
  const infer = (model: string, ...inputs: readonly object[]) => send('POST', `/v2/models/${model}/infer`, { inputs })
  const tensor = (name: string, width = 4) => ({ name, datatype: 'FP32', shape: [1, width], data: Array.from({ length: width }, (_, i) => ROW[i] ?? 0) })
  const column = (name: string) => ({ name, datatype: 'FP32', shape: [1], data: [1] })

  for (const [model, columns] of [['bare', 'X_0 … X_3'], ['scored', 'X_0, X_1, X_2']] as const) {
    const width = model === 'bare' ? 4 : 3

    test(`${model}: a tensor that a model without a signature has not, alone or beside one that it has`, async () => {
      const alone = await infer(model, tensor('Y', width))
      assert.deepEqual([alone.status, JSON.parse(alone.text)], [400, { error: `inputs[0] (Y): the model takes X, or the columns ${columns}` }])
      const beside = await infer(model, tensor('X', width), tensor('Y', width))
      assert.deepEqual([beside.status, JSON.parse(beside.text)], [400, { error: `inputs[1] (Y): the model takes X, or the columns ${columns}` }])
    })

    test(`${model}: its tensor, its columns, and its tensor in parts are taken`, async () => {
      const byColumns = Array.from({ length: width }, (_, i) => column(`X_${i}`))
      for (const inputs of [[tensor('X', width)], byColumns, [tensor('X', width - 1), column(`X_${width - 1}`)]]) {
        const { status, text } = await infer(model, ...inputs)
        assert.equal(status, 200, text)
      }
    })

    const NAMED: readonly [string, object][] = [
      ['inputs.Y', { inputs: { Y: [ROW.slice(0, width)] } }],
      ['instances[0].Y', { instances: [{ Y: ROW.slice(0, width) }] }],
    ]
    for (const [where, body] of NAMED) {
      test(`${model}: ${where} in nested lists`, async () => {
        const { status, text } = await invoke(model, body)
        assert.deepEqual([status, JSON.parse(text).message], [400, `${where}: the model takes X, or the columns ${columns}`])
      })
    }
  }

  test('names of several tensors, which are columns as well', async () => {
    assert.match((await infer('plain', tensor('a', 1), tensor('c', 1))).text, /inputs\[1\] \(c\): the model takes a, b"/)
    assert.match((await invoke('plain', { inputs: { c: [[1]] } })).text, /"inputs.c: the model takes a, b"/)
  })

  test('columns that a signature does not know are ignored, but named where others are missing', async () => {
    const names = ['sepal_length', 'sepal_width', 'petal_length', 'petal_width']
    assert.equal((await infer('signed', ...names.map(column), column('id'))).status, 200)
    const wrong = names.map((name) => `${name.replace('_', ' ')} (cm)`)
    const found = /row 0: sepal_length is missing, expected a double; .*; found sepal length \(cm\), sepal width \(cm\), petal length \(cm\), petal width \(cm\)"/
    for (const answer of [await infer('signed', ...wrong.map(column)), await invoke('signed', { dataframe_split: { columns: wrong, data: [ROW] } }), await invoke('signed', `${wrong.join()}\n${ROW.join()}\n`, 'text/csv')]) {
      assert.match(answer.text, found)
      assert.equal(answer.status, 400)
    }
  })

  test('CSV without a header, in which the one line of data would be taken for it', async () => {
    const { status, text } = await invoke('bare', `${ROW.join()}\n`, 'text/csv')
    assert.deepEqual([status, JSON.parse(text).message], [400, 'the CSV has one line, and that lacks X_0, X_1, X_2, X_3: its first line must be the header, the names of the columns; found 5.1, 3.5, 1.4, 0.2'])
    assert.match((await invoke('bare', 'X_0,X_1,x_2,X_3\n', 'text/csv')).text, /lacks X_2: its first line must be the header/)
    assert.match((await invoke('bare', '\n', 'text/csv')).text, /lacks X_0, X_1, X_2, X_3: .*; found nothing/)
  })

  test('a header alone is no rows, and has no predictions', async () => {
    const { status, text } = await invoke('scored', 'X_2,X_1,X_0,id\n', 'text/csv')
    assert.deepEqual([status, JSON.parse(text)], [200, { predictions: [] }])
  })

  const MISSING: readonly [string, string, object, string][] = [
    ['no inputs', '/v2/models/bare/infer', {}, 'inputs is missing, expected a list of tensors'],
    ['a list of no inputs', '/v2/models/bare/infer', { inputs: [] }, 'inputs is empty, expected a list of tensors'],
    ['no name', '/v2/models/bare/infer', { inputs: [{}] }, 'inputs[0].name is missing, expected a string'],
    ['no datatype', '/v2/models/bare/infer', { inputs: [{ name: 'X', shape: [1, 4], data: ROW }] }, 'inputs[0] (X).datatype is missing, expected a string'],
    ['no data', '/v2/models/bare/infer', { inputs: [{ name: 'X', shape: [1, 4], datatype: 'FP32' }] }, 'inputs[0] (X).data is missing, expected a list'],
    ['inputs in place of instances', '/v1/models/bare:predict', { inputs: [ROW] }, 'instances is missing, expected a list with an element for each row; found inputs'],
    ['inputs in place of instances, for a model with a signature', '/v1/models/signed:predict', { inputs: [ROW] }, 'instances is missing, expected a list with an element for each row; found inputs'],
    ['nothing', '/v1/models/bare:predict', {}, 'instances is missing, expected a list with an element for each row; found nothing'],
  ]
  for (const [name, path, body, error] of MISSING) {
    test(`${name} at ${path}`, async () => {
      const answer = await send('POST', path, body)
      assert.deepEqual([answer.status, JSON.parse(answer.text)], [400, { error }])
    })
  }

  const UNKNOWN: readonly [string, string, RegExp][] = [
    ['GET', '/v2/models/bare/config', /^GET \/v2\/models\/bare\/config: serving has no such route: the model configuration extension is not offered$/],
    ['GET', '/v2/models/bare/versions/1/config', /the model configuration extension is not offered/],
    ['GET', '/v2/models/bare/stats?a=1', /^GET \/v2\/models\/bare\/stats: .*the statistics extension is not offered/],
    ['POST', '/v2/systemsharedmemory/region/a/register', /the shared memory extensions are not offered/],
    ['POST', '/v2/models/bare/infer/', /^POST \/v2\/models\/bare\/infer\/: serving has no such route$/],
    ['POST', '/v2/models', /serving has no such route/],
    ['POST', '/v1/models/bare:explain', /serving has no such route: explanations are not offered/],
    ['GET', '/v1/models/bare:explain', /no model bare:explain/],
    ['PUT', '/v1/models/bare:other', /serving has no such route/],
    ['GET', '/v1/models/bare%3Apredict', /serving has no such route/],
    ['GET', '/v1', /serving has no such route/],
  ]
  for (const [method, path, error] of UNKNOWN) {
    test(`${method} ${path}: 404 in the form that clients of the protocol read`, async () => {
      const answer = await send(method, path, method === 'GET' ? undefined : '{no JSON')
      assert.match(JSON.parse(answer.text).error, error)
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [404, 'application/json; charset=utf-8'])
    })
  }

  test('every address of the protocols answers 405 to other methods than its own, and says which those are', async () => {
    const { paths }: { readonly paths: Readonly<Record<string, object>> } = JSON.parse((await send('GET', '/docs/json')).text)
    const known = Object.entries(paths).filter(([path]) => /^\/v[12]\b/.test(path) && !/bare|scored|plain|signed/.test(path))
    assert.ok(known.length >= 15, Object.keys(paths).join())
    for (const [pattern, operations] of known) {
      const path = pattern.replace('{model}', 'bare').replace('{version}', '1')
      const allow = Object.keys(operations).map((method) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase())).join()
      for (const method of ['PUT', 'DELETE', 'OPTIONS', 'get' in operations ? 'POST' : 'GET']) {
        const answer = await send(method, path)
        assert.deepEqual([answer.status, answer.headers.get('allow'), JSON.parse(answer.text)], [405, allow, { error: `${method} ${path}: expected ${allow}` }])
      }
    }
  })

  test('/invocations answers POST alone: 405 in its own form for others', async () => {
    for (const method of ['GET', 'PUT']) {
      const answer = await send(method, '/invocations')
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
      assert.partialDeepStrictEqual(JSON.parse(answer.text), { error_code: 'BAD_REQUEST', code: 'METHOD_NOT_ALLOWED', message: `${method} /invocations: expected POST` })
    }
    assert.equal((await send('HEAD', '/invocations')).status, 405)
  })

  test('what belongs to no protocol is answered with problem details', async () => {
    assert.equal((await send('GET', '/nothing')).headers.get('content-type'), 'application/problem+json; charset=utf-8')
  })

  test('a model of whose folder no version can be told', async () => {
    const { status, text } = await infer('broken', tensor('X'))
    assert.match(text, /"broken@latest cannot be served: .*config\.pbtxt/)
    assert.equal(status, 422)
  })
})

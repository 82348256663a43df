import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, ready, testConfig, wholeJournal } from '../testing.ts'

interface Classes {
  readonly classes: readonly (string | number)[]
  readonly labels: readonly (string | number)[]
  readonly probabilities: readonly (readonly number[])[]
}

/** What scikit-learn itself says of the rows. */
const SAID: { readonly rows: readonly Readonly<Record<string, number>>[]; readonly targets: readonly (readonly number[])[]; readonly outliers: Pick<Classes, 'labels'> & { readonly scores: readonly number[] }; readonly iris: Classes; readonly grades: Classes; readonly signs: Classes } = JSON.parse(
  readFileSync(join(FIXTURES, 'outputs.json'), 'utf8'),
)
const MODELS = ['iris', 'grades', 'signs', 'targets', 'means', 'outliers', 'wide', 'sklearn', 'colours'] as const
const { rows: ROWS } = SAID
const COLUMNS = Object.keys(ROWS[0] ?? {})

/** Deep equality, but for the last digits of numbers. */
function assertClose(found: unknown, expected: unknown, at = 'it'): void {
  if (typeof expected === 'number') assert.ok(typeof found === 'number' && Math.abs(found - expected) <= 1e-5 * (1 + Math.abs(expected)), `${at} is ${JSON.stringify(found)}, expected ${expected}`)
  else if (typeof expected !== 'object' || expected === null) assert.deepEqual(found, expected, at)
  else {
    assert.ok(typeof found === 'object' && found !== null, `${at} is ${JSON.stringify(found)}`)
    assert.deepEqual(Object.keys(found), Object.keys(expected), at)
    const values = Object.entries(found)
    for (const [i, [key, value]] of Object.entries(expected).entries()) assertClose(values[i]?.[1], value, `${at}.${key}`)
  }
}

describe('models whose outputs are their own, asked by rows', () => {
  let folder: string
  let service: TestService

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outputs-'))
    for (const model of MODELS) cpSync(join(FIXTURES, model), join(folder, 'models', model, '1'), { recursive: true })
    // The same model without what MLflow says of it: its own tensors are all that is known.
    cpSync(join(FIXTURES, 'grades', 'model.onnx'), join(folder, 'models', 'bare', '1', 'model.onnx'))
    service = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: folder })
    await ready(service.url)
  })

  after(async () => {
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = async (path: string, body: object | string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
    const answer = JSON.parse(await response.text())
    assert.equal(response.status, 200, JSON.stringify(answer))
    return answer
  }
  const invoke = async (model: string, body: object | string, headers: Record<string, string> = {}) => (await post('/invocations', body, { 'x-millrace-model': model, ...headers })).predictions
  const columnsOf = (rows: typeof ROWS, names: readonly string[]) => names.map((name) => ({ name, datatype: 'FP64', shape: [rows.length], data: rows.map((row) => row[name]) }))

  const irisAnswer = SAID.iris.labels.map((label, i) => ({ output_label: label, output_probability: Object.fromEntries(SAID.iris.classes.map((name, j) => [name, SAID.iris.probabilities[i]?.[j]])) }))
  const gradesAnswer = SAID.grades.labels.map((label, i) => ({ label, probabilities: SAID.grades.probabilities[i] }))
  const wideAnswer = SAID.iris.labels.map((label, i) => ({ label, probabilities: SAID.iris.probabilities[i] }))
  const outliersAnswer = SAID.outliers.labels.map((label, i) => ({ label, scores: SAID.outliers.scores[i] }))
  const targetsAnswer = SAID.targets.map((variable) => ({ variable }))
  const OWN: readonly [string, readonly string[], readonly object[]][] = [
    ['iris', COLUMNS, irisAnswer],
    ['grades', COLUMNS, gradesAnswer],
    ['wide', COLUMNS, wideAnswer],
    ['outliers', COLUMNS, outliersAnswer],
    ['targets', COLUMNS.slice(0, 2), targetsAnswer],
  ]
  for (const [model, names, expected] of OWN) {
    const rows = ROWS.map((row) => Object.fromEntries(names.map((name) => [name, row[name] ?? 0])))
    const lists = rows.map((row) => Object.values(row))

    test(`${model} answers a record of its outputs for each row, in every form of /invocations and in V1`, async () => {
      for (const body of [{ dataframe_records: rows }, { dataframe_split: { columns: names, data: lists } }, { instances: rows }, { instances: lists }, { inputs: Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])])) }]) {
        assertClose(await invoke(model, body), expected)
      }
      assertClose(await invoke(model, `${names.join()}\n${lists.map((list) => list.join()).join('\n')}\n`, { 'content-type': 'text/csv' }), expected)
      assertClose((await post(`/v1/models/${model}:predict`, { instances: rows })).predictions, expected)
    })

    test(`${model} by columns over the Open Inference Protocol answers what it answers by its own tensor`, async () => {
      const own = await post(`/v2/models/${model}/infer`, { inputs: [{ name: 'X', datatype: 'FP32', shape: [rows.length, names.length], data: lists.flat() }] })
      const byColumns = await post(`/v2/models/${model}/infer`, { inputs: columnsOf(rows, names) })
      assert.deepEqual(byColumns.outputs, own.outputs)
      const only = own.outputs.at(-1)
      const asked = await post(`/v2/models/${model}/infer`, { inputs: columnsOf(rows, names), outputs: [{ name: only.name }] })
      assert.deepEqual(asked.outputs, [only])
    })

    test(`${model} answers hundreds of requests at once, each with its own`, async () => {
      const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => invoke(model, { dataframe_records: Array.from({ length: 1 + (i % 5) }, (__, row) => rows[(i + row) % rows.length]) })))
      for (const [i, answer] of answers.entries()) assertClose(answer, Array.from({ length: 1 + (i % 5) }, (_, row) => expected[(i + row) % rows.length]))
    })
  }

  test('more rows than a batch holds come back in order, and none for none', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => i % ROWS.length)
    assertClose(await invoke('iris', { dataframe_records: many.map((i) => ROWS[i]) }), many.map((i) => irisAnswer[i]))
    assert.deepEqual(await invoke('iris', { dataframe_records: [] }), [])
  })

  test('a binary classifier gives the classes that it has itself', async () => {
    const answered = await invoke('signs', { dataframe_records: ROWS })
    assertClose(answered, SAID.signs.labels.map((label, i) => ({ label, probability: SAID.signs.probabilities[i]?.[1] })))
    const { outputs } = await post('/v2/models/signs/infer', { inputs: columnsOf(ROWS, COLUMNS) })
    assert.deepEqual(outputs[0], { name: 'label', shape: [3], datatype: 'INT64', data: SAID.signs.labels })
  })

  test('a binary classifier of text gives text, and its metadata say so', async () => {
    const { rows, sklearn }: { readonly rows: readonly number[][]; readonly sklearn: readonly number[][] } = JSON.parse(readFileSync(join(FIXTURES, 'zipmap.json'), 'utf8'))
    const expected = sklearn.map(([benign = 0, malignant = 0]) => ({ label: malignant > benign ? 'malignant' : 'benign', probability: malignant }))
    assertClose(await invoke('sklearn', { inputs: rows }), expected)
    const columns = [0, 1, 2].map((i) => ({ name: `X_${i}`, datatype: 'FP64', shape: [2], data: rows.map((row) => row[i]) }))
    const { outputs } = await post('/v2/models/sklearn/infer', { inputs: columns })
    assert.deepEqual(outputs[0], { name: 'label', shape: [2], datatype: 'BYTES', data: expected.map(({ label }) => label) })
  })

  test('a model without a signature answers its outputs by name, by nested lists and by rows', async () => {
    const expected = { label: SAID.grades.labels, probabilities: SAID.grades.probabilities }
    const lists = ROWS.map((row) => Object.values(row))
    const asked = [{ inputs: lists }, { instances: lists }, { inputs: { X: lists } }, { instances: lists.map((X) => ({ X })) }]
    const columns = COLUMNS.map((_, i) => `X_${i}`)
    for (const body of [...asked, { dataframe_split: { data: lists } }, { dataframe_split: { columns, data: lists } }]) assertClose(await invoke('bare', body), expected)
    assertClose((await post('/v1/models/bare:predict', { instances: lists })).predictions, expected)
  })

  test('outputs without a row for each row are answered whole and by name, to each request its own', async () => {
    const first = ROWS.map(({ sepal_length = 0, sepal_width = 0 }) => ({ sepal_length, sepal_width }))
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => invoke('means', { dataframe_records: first.slice(i % 3) })))
    for (const [i, answer] of answers.entries()) {
      const rows = first.slice(i % 3).map((row) => Object.values(row))
      const mean = [0, 1].map((column) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0) / rows.length)
      assertClose(answer, { twice: rows.map((row) => row.map((value) => 2 * value)), mean })
    }
    const byTensor = await Promise.all(Array.from({ length: 100 }, (_, i) => post('/v2/models/means/infer', { inputs: [{ name: 'X', datatype: 'FP32', shape: [2, 2], data: [i, 1, i, 3] }], outputs: [{ name: 'mean' }] })))
    assert.deepEqual(byTensor.map(({ outputs }) => outputs[0].data), Array.from({ length: 100 }, (_, i) => [i, 2]))
    // More than one batch would hold.
    const long = Array.from({ length: 1000 }, (_, i) => ({ sepal_length: i, sepal_width: 1 }))
    assertClose((await invoke('means', { dataframe_records: long })).mean, [499.5, 1])
  })

  test('the outputs are in the journal, a line for each row, without a score', async () => {
    await invoke('grades', { dataframe_records: ROWS.slice(0, 2) }, { 'x-request-id': 'graded' })
    await invoke('signs', { dataframe_records: ROWS.slice(0, 1) }, { 'x-request-id': 'signed' })
    const lines = (await wholeJournal(service.url)).filter(({ id }) => id === 'graded' || id === 'signed')
    assert.deepEqual(lines.map(({ id, row, inputs, score }) => [id, row, inputs, score === undefined]), [
      ['graded', 0, ROWS[0], true],
      ['graded', 1, ROWS[1], true],
      ['signed', 0, ROWS[0], false],
    ])
    assertClose(lines[1]?.tensors, {
      outputs: {
        label: { datatype: 'INT64', shape: [1], data: SAID.grades.labels.slice(1, 2).map(String) },
        probabilities: { datatype: 'FP32', shape: [1, 3], data: SAID.grades.probabilities[1] },
      },
    })
  })

  test('a model whose encoder refuses the row of nothings that it is tried on is served all the same, and refuses what it does not know', async () => {
    const [known] = (await post('/v1/models/colours:predict', { instances: [{ weight: 1, colour: 'green' }] })).predictions
    assertClose(known, { label: 1, probability: 0.6128203 })
    assert.equal((await fetch(`${service.url}/v2/models/colours`)).status, 200)
    const unknown = await fetch(`${service.url}/v1/models/colours:predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ instances: [{ weight: 1, colour: 'blue' }] }) })
    assert.equal(unknown.status, 400)
    assert.match(await unknown.text(), /Unknown Category/)
  })
})

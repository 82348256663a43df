import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { importOnnxRuntime } from '../../../platform/onnxruntime.ts'
import { encodeCategories, learnCategories } from '../categories.ts'
import { Random } from '../random.ts'
import type { Matrix } from '../trees/bins.ts'
import { predictScores, type TreeModel } from '../trees/model.ts'
import { sigmoid } from '../trees/objective.ts'
import { parseTreeParameters } from '../trees/parameters.ts'
import { trainTrees } from '../trees/train.ts'
import { exportOnnx, type ModelColumns } from './export.ts'

const ort = await importOnnxRuntime()
const ROWS = 1500

interface Case {
  readonly numeric: readonly Float32Array[]
  readonly categorical: readonly (readonly (string | null)[])[]
  readonly target: Float64Array
}

/** Awkward on purpose: missing values, duplicates, huge and tiny numbers, integers, categories with quotes and emoji, unseen and rare ones. */
function awkward(seed: number, label: (score: number, random: Random) => number): Case {
  const random = new Random(seed)
  const numeric = [
    Float32Array.from({ length: ROWS }, () => (random.uniform() < 0.2 ? Number.NaN : random.uniform() * 2 - 1)),
    Float32Array.from({ length: ROWS }, () => random.below(7)),
    Float32Array.from({ length: ROWS }, () => (random.uniform() - 0.5) * 10 ** (random.below(60) - 30)),
  ]
  const names = ['AA', 'B6', 'it\'s "x"', '🛫', 'é', 'rare']
  const category = Array.from({ length: ROWS }, () => (random.uniform() < 0.1 ? null : names[random.uniform() < 0.003 ? 5 : random.below(5)]!))
  const target = Float64Array.from({ length: ROWS }, (_, row) => {
    const first = numeric[0]![row]!
    const score = (Number.isNaN(first) ? 0.7 : first) + numeric[1]![row]! / 3 + (category[row] === '🛫' ? 1 : 0) - 1.5
    return label(score, random)
  })
  return { numeric, categorical: [category], target }
}

async function trained(given: Case, objective: TreeModel['objective']): Promise<{ model: TreeModel; columns: ModelColumns; matrix: Matrix }> {
  const codes = given.categorical.map((values) => learnCategories(values, given.target))
  const matrix: Matrix = { rows: ROWS, columns: [...given.numeric, ...given.categorical.map((values, i) => encodeCategories(codes[i]!, values))] }
  const parameters = parseTreeParameters({ objective, num_iterations: 60, min_data_in_leaf: 5, seed: 3 })
  const { model } = await trainTrees({ matrix, labels: given.target }, parameters)
  const columns = { numeric: given.numeric.map((_, i) => `n${i}`), categorical: codes.map((code, i) => ({ name: `c${i}`, codes: code })) }
  return { model, columns, matrix }
}

async function run(file: Uint8Array, given: Case): Promise<InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const feeds: Record<string, Tensor> = {}
  const [K, C] = [given.numeric.length, given.categorical.length]
  if (K > 0) {
    const values = new Float32Array(ROWS * K)
    given.numeric.forEach((column, j) => column.forEach((value, row) => (values[row * K + j] = value)))
    feeds['numeric'] = new ort.Tensor('float32', values, [ROWS, K])
  }
  if (C > 0) {
    const values = Array.from({ length: ROWS * C }, (_, i) => given.categorical[i % C]![Math.floor(i / C)] ?? '')
    feeds['categorical'] = new ort.Tensor('string', values, [ROWS, C])
  }
  return session.run(feeds)
}

function floats(outputs: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const data = (outputs[name] as Tensor).data
  assert.ok(data instanceof Float32Array)
  return data
}

const coin = (score: number, random: Random) => (random.uniform() < sigmoid(2 * score) ? 1 : 0)

function assertSameProbabilities(model: TreeModel, matrix: Matrix, outputs: InferenceSession.OnnxValueMapType): void {
  const ours = predictScores(model, matrix).map(sigmoid)
  const theirs = floats(outputs, 'probabilities')
  const labels = (outputs['label'] as Tensor).data as BigInt64Array
  for (let row = 0; row < ROWS; row++) {
    assert.ok(Math.abs(ours[row]! - theirs[row * 2 + 1]!) <= 5e-7, `row ${row}: ours ${ours[row]}, ONNX Runtime ${theirs[row * 2 + 1]}`)
    assert.ok(Math.abs(1 - ours[row]! - theirs[row * 2]!) <= 5e-7)
    if (Math.abs(ours[row]! - 0.5) > 1e-6) assert.equal(Number(labels[row]), ours[row]! > 0.5 ? 1 : 0)
  }
}

test('ONNX Runtime gives every row of a binary model the probability that we give it, missing values and unknown categories included', async () => {
  const given = awkward(1, coin)
  const { model, columns, matrix } = await trained(given, 'binary')
  assertSameProbabilities(model, matrix, await run(exportOnnx(model, columns), given))
})

test('a model with only numeric, or only categorical, columns has only that input', async () => {
  for (const part of ['numeric', 'categorical'] as const) {
    const given: Case = { ...awkward(2, coin), [part]: [] }
    const { model, columns, matrix } = await trained(given, 'binary')
    assertSameProbabilities(model, matrix, await run(exportOnnx(model, columns), given))
  }
})

test('a multiclass model gives the same softmax', async () => {
  const given = awkward(3, (score, random) => Math.max(0, Math.min(2, Math.round(score + random.uniform()))))
  const { model, columns, matrix } = await trained(given, 'multiclass')
  const theirs = floats(await run(exportOnnx(model, columns), given), 'probabilities')
  const scores = predictScores(model, matrix)
  for (let row = 0; row < ROWS; row++) {
    const exps = [0, 1, 2].map((k) => Math.exp(scores[k * ROWS + row]!))
    const sum = exps.reduce((a, b) => a + b, 0)
    for (let k = 0; k < 3; k++) assert.ok(Math.abs(exps[k]! / sum - theirs[row * 3 + k]!) <= 1e-6, `row ${row}, class ${k}`)
  }
})

test('a regression gives the same value to 1e-5 of its size', async () => {
  const given = awkward(4, (score, random) => 100 * score + random.uniform())
  const { model, columns, matrix } = await trained(given, 'regression')
  const theirs = floats(await run(exportOnnx(model, columns), given), 'prediction')
  predictScores(model, matrix).forEach((value, row) => {
    assert.ok(Math.abs(value - theirs[row]!) <= 1e-5 * Math.max(1, Math.abs(value)), `row ${row}: ours ${value}, ONNX Runtime ${theirs[row]}`)
  })
})

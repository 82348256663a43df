import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { logLoss, rocAuc } from '../../../domain/metrics.ts'
import { Random } from '../random.ts'
import { binMatrix, type Matrix } from './bins.ts'
import { featureImportance, predictProbability, predictScores, type TreeModel } from './model.ts'
import { sigmoid } from './objective.ts'
import { parseTreeParameters } from './parameters.ts'
import { trainTrees, type LabelledMatrix } from './train.ts'
import { walkBins, walkTree } from './tree.ts'

/** An interaction, a bend, a missing value that means something, and noise. */
function synthetic(seed: number, rows: number): LabelledMatrix & { truth: Float64Array } {
  const random = new Random(seed)
  const columns = [0, 1, 2, 3].map(() => Float32Array.from({ length: rows }, () => random.uniform()))
  columns[2] = columns[2]!.map((value) => (value < 0.15 ? Number.NaN : value))
  const truth = Float64Array.from({ length: rows }, (_, row) => {
    const [a, b, c] = [columns[0]![row]!, columns[1]![row]!, columns[2]![row]!]
    return sigmoid((a > 0.5) !== (b > 0.5) ? 1.5 + a : (Number.isNaN(c) ? 2 : -1.5 * c) - 0.5)
  })
  const labels = truth.map((p) => (random.uniform() < p ? 1 : 0))
  return { matrix: { rows, columns }, labels, truth }
}

const parameters = parseTreeParameters({ num_iterations: 60, learning_rate: 0.1, num_leaves: 8, min_data_in_leaf: 20 })

test('it comes close to the best possible log loss on rows that it has not seen', async () => {
  const [training, fresh] = [synthetic(1, 6000), synthetic(2, 4000)]
  const { model } = await trainTrees(training, { ...parameters, num_leaves: 16, num_iterations: 120, learning_rate: 0.05, min_data_in_leaf: 60 })
  const scores = predictProbability(model, fresh.matrix)
  const [ours, best] = [logLoss(scores, fresh.labels), logLoss(fresh.truth, fresh.labels)]
  assert.ok(ours < best + 0.03, `log loss ${ours}, with the truth known ${best}`)
  assert.ok(rocAuc(scores, fresh.labels) > rocAuc(fresh.truth, fresh.labels) - 0.03)
})

test('it learns in which direction missing values go', async () => {
  const training = synthetic(3, 4000)
  const { model } = await trainTrees(training, parameters)
  const row = (c: number): Matrix => ({ rows: 1, columns: [0.2, 0.2, c, 0.5].map((value) => Float32Array.of(value)) })
  assert.ok(predictProbability(model, row(Number.NaN))[0]! > 0.65)
  assert.ok(predictProbability(model, row(0.9))[0]! < 0.3)
})

test('the same rows, parameters and seed give the same model; another seed gives another', async () => {
  const training = synthetic(4, 1500)
  const drawn = { ...parameters, num_iterations: 10, feature_fraction: 0.5, bagging_fraction: 0.6, bagging_freq: 1 }
  const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => trainTrees(training, { ...drawn, seed })))
  assert.deepEqual(a, b)
  assert.notDeepEqual(predictScores(a!.model, training.matrix), predictScores(c!.model, training.matrix))
})

function leafCounts(model: TreeModel): number[] {
  return model.trees.flatMap((tree) => Array.from(tree.count).filter((_, node) => tree.feature[node]! < 0))
}

function depth(model: TreeModel): number {
  const below = (tree: TreeModel['trees'][number], node: number): number =>
    tree.feature[node]! < 0 ? 0 : 1 + Math.max(below(tree, tree.left[node]!), below(tree, tree.right[node]!))
  return Math.max(...model.trees.map((tree) => below(tree, 0)))
}

test('trees keep within num_leaves, max_depth and min_data_in_leaf, and their leaves hold every row once', async () => {
  const training = synthetic(5, 1000)
  const { model } = await trainTrees(training, { ...parameters, num_iterations: 10, num_leaves: 20, max_depth: 4, min_data_in_leaf: 37 })
  assert.ok(model.trees.every((tree) => tree.feature.filter((feature) => feature < 0).length <= 16))
  assert.ok(depth(model) <= 4)
  assert.ok(leafCounts(model).every((count) => count >= 37))
  assert.equal(leafCounts(model).reduce((sum, count) => sum + count, 0), 10 * 1000)
})

test('a row of weight 2 counts as two rows', async () => {
  const once = synthetic(6, 400)
  const weights = Float64Array.from({ length: 400 }, (_, row) => 1 + (row % 2))
  const rows = Array.from({ length: 400 }, (_, row) => row).flatMap((row) => (row % 2 ? [row, row] : [row]))
  const twice: LabelledMatrix = {
    matrix: { rows: rows.length, columns: once.matrix.columns.map((column) => Float32Array.from(rows, (row) => column[row]!)) },
    labels: Float64Array.from(rows, (row) => once.labels[row]!),
  }
  const few = { ...parameters, num_iterations: 5, num_leaves: 4, min_data_in_leaf: 1 }
  const [weighted, repeated] = [await trainTrees({ ...once, weights }, few), await trainTrees(twice, few)]
  const [a, b] = [predictScores(weighted.model, once.matrix), predictScores(repeated.model, once.matrix)]
  a.forEach((score, row) => assert.ok(Math.abs(score - b[row]!) < 1e-4, `row ${row}: ${score} and ${b[row]}`))
})

test('bins and raw values send every row the same way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 2, max: 40 }), async (seed, maxBins) => {
      const training = synthetic(seed, 200)
      const { model } = await trainTrees(training, { ...parameters, num_iterations: 3, max_bin: maxBins, min_data_in_leaf: 3 })
      const binned = binMatrix(training.matrix, maxBins)
      for (const tree of model.trees) {
        for (let row = 0; row < 200; row++) {
          assert.equal(walkTree(tree, training.matrix.columns, row), walkBins(tree, binned.bins, binned.thresholds, row))
        }
      }
    }),
    { numRuns: 20 },
  )
})

test('early stopping keeps the iterations up to the best validation loss', async () => {
  const [training, validation] = [synthetic(7, 300), synthetic(8, 1000)]
  const { model, history, iterations } = await trainTrees(training, { ...parameters, num_iterations: 500, min_data_in_leaf: 2, early_stopping_round: 10 }, { validation })
  const losses = history.map((metrics) => metrics.validation!)
  assert.ok(history.length < 500)
  assert.equal(iterations, losses.indexOf(Math.min(...losses)) + 1)
  assert.equal(model.trees.length, iterations)
  assert.equal(history.length, iterations + 10)
})

test('the loss of each iteration is told, falls on the training rows, and is that of the model', async () => {
  const training = synthetic(9, 800)
  const told: number[] = []
  const { model } = await trainTrees(training, { ...parameters, num_iterations: 20 }, { onIteration: (metrics) => told.push(metrics.train) })
  for (let i = 1; i < told.length; i++) assert.ok(told[i]! < told[i - 1]!)
  assert.ok(Math.abs(told.at(-1)! - logLoss(predictProbability(model, training.matrix), training.labels)) < 1e-6)
})

test('it can be cancelled between iterations', async () => {
  const controller = new AbortController()
  const run = trainTrees(synthetic(10, 500), parameters, { signal: controller.signal, onIteration: ({ iteration }) => iteration === 3 && controller.abort() })
  await assert.rejects(run, { code: 'CANCELLED', message: /before iteration 4/ })
})

test('importance counts the splits and puts noise last', async () => {
  const { model } = await trainTrees(synthetic(11, 4000), { ...parameters, num_leaves: 4 })
  const { gain, split } = featureImportance(model)
  assert.equal(split.reduce((sum, value) => sum + value, 0), model.trees.reduce((sum, tree) => sum + tree.feature.filter((feature) => feature >= 0).length, 0))
  assert.equal(gain.indexOf(Math.min(...gain)), 3)
})

test('labels of one class give that class with near certainty, and no tree a split', async () => {
  const training = synthetic(12, 100)
  const { model } = await trainTrees({ ...training, labels: new Float64Array(100).fill(1) }, parameters)
  assert.ok(predictProbability(model, training.matrix).every((p) => p > 0.999))
})

test('a regression finds the mean of each step', async () => {
  const column = Float32Array.from({ length: 900 }, (_, row) => row)
  const labels = Float64Array.from({ length: 900 }, (_, row) => (row < 300 ? 10 : row < 600 ? -5 : 70))
  const { model } = await trainTrees({ matrix: { rows: 900, columns: [column] }, labels }, { ...parameters, objective: 'regression', num_iterations: 200 })
  predictScores(model, { rows: 900, columns: [column] }).forEach((value, row) => assert.ok(Math.abs(value - labels[row]!) < 0.01))
})

test('wrong parameters and data are refused with the place and what was expected', async () => {
  assert.throws(() => parseTreeParameters({ num_leaves: 1 }, 'params.yaml: train.learner'), {
    code: 'LEARNER_INVALID',
    message: 'params.yaml: train.learner.num_leaves: found 1, expected a whole number from 2 to 4096',
  })
  assert.throws(() => parseTreeParameters({ leaves: 31 }), /leaves: found 31, expected no such key; the learner knows/)
  assert.throws(() => parseTreeParameters({ objective: 'poisson' }), /found "poisson", expected one of binary, regression, multiclass/)
  const training = synthetic(13, 10)
  await assert.rejects(trainTrees({ ...training, labels: training.labels.map((_, i) => (i === 7 ? 0.5 : 1)) }, parameters), /label of row 7: found 0.5/)
  await assert.rejects(trainTrees({ ...training, labels: new Float64Array(9) }, parameters), /9 labels for 10 rows/)
  await assert.rejects(trainTrees({ ...training, weights: new Float64Array(10).fill(-1) }, parameters), /weight of row 0: found -1/)
  await assert.rejects(trainTrees({ matrix: { rows: 0, columns: [] }, labels: new Float64Array() }, parameters), /there are no rows/)
})

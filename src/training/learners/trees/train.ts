import { setImmediate } from 'node:timers/promises'
import { MillraceError } from '../../../platform/errors/index.ts'
import { Random, sampleIndices } from '../random.ts'
import { binMatrix, slotMatrix, type BinnedMatrix, type Matrix } from './bins.ts'
import { TreeGrower } from './grow.ts'
import type { TreeModel } from './model.ts'
import { makeObjective, type Objective } from './objective.ts'
import type { TreeParameters } from './parameters.ts'
import type { Derivatives } from './split.ts'
import { walkBins, type Tree } from './tree.ts'

export interface LabelledMatrix {
  readonly matrix: Matrix
  readonly labels: Float64Array
  /** One non-negative weight a row; all 1 where left out. */
  readonly weights?: Float64Array
}

/**
 * Loss after an iteration: log loss for classes, half the mean squared error for regression. `train` is measured on at most 20,000 of the rows,
 * spread evenly: with all of them the telling would take a tenth of the learning.
 */
export interface IterationMetrics {
  readonly iteration: number
  readonly train: number
  readonly validation?: number
}

export interface TrainingOptions {
  readonly validation?: LabelledMatrix
  readonly onIteration?: (metrics: IterationMetrics) => void
  /** Looked at between iterations; the promise is then rejected with CANCELLED. */
  readonly signal?: AbortSignal
}

export interface TrainedTrees {
  readonly model: TreeModel
  readonly history: readonly IterationMetrics[]
  /** Iterations kept: all, or up to the best validation loss where early stopping is on. */
  readonly iterations: number
}

/** The same parameters, seed and rows give the same model, bit by bit. Other work gets its turn between iterations. */
export async function trainTrees(training: LabelledMatrix, parameters: TreeParameters, options: TrainingOptions = {}): Promise<TrainedTrees> {
  checkShape(training, 'training')
  if (options.validation !== undefined) checkShape(options.validation, 'validation')
  const binned = binMatrix(training.matrix, parameters.max_bin)
  const objective = makeObjective(parameters.objective, training.labels, training.weights)
  const random = new Random(parameters.seed)
  const boosting = new Boosting(binned, objective, parameters, random)
  const watched = options.validation === undefined ? undefined : new Watched(options.validation, binned, objective)
  const sampled = new SampledLoss(training, objective)
  const history: IterationMetrics[] = []
  let best = { loss: Infinity, iteration: 0 }
  for (let iteration = 1; iteration <= parameters.num_iterations; iteration++) {
    await setImmediate()
    if (options.signal?.aborted) throw new MillraceError('CANCELLED', `training was cancelled before iteration ${iteration}`, { cause: options.signal.reason })
    const trees = boosting.iterate(iteration)
    const train = sampled.loss(boosting.scores)
    const validation = watched?.add(trees)
    const metrics: IterationMetrics = validation === undefined ? { iteration, train } : { iteration, train, validation }
    history.push(metrics)
    options.onIteration?.(metrics)
    if (validation === undefined || parameters.early_stopping_round === 0) best = { loss: train, iteration }
    else if (validation < best.loss) best = { loss: validation, iteration }
    else if (iteration - best.iteration >= parameters.early_stopping_round) break
  }
  const model: TreeModel = {
    objective: parameters.objective,
    outputs: objective.outputs,
    features: binned.columns,
    initial: objective.initial,
    trees: boosting.trees.slice(0, best.iteration * objective.outputs),
  }
  return { model, history, iterations: best.iteration }
}

function checkShape({ matrix, labels, weights }: LabelledMatrix, name: string): void {
  const refuse = (what: string) => new MillraceError('LEARNER_INVALID', `${name} data: ${what}`)
  if (matrix.rows === 0) throw refuse('there are no rows')
  if (matrix.columns.length === 0) throw refuse('there are no columns')
  const uneven = matrix.columns.findIndex((column) => column.length !== matrix.rows)
  if (uneven >= 0) throw refuse(`column ${uneven} has ${matrix.columns[uneven]!.length} values for ${matrix.rows} rows`)
  if (labels.length !== matrix.rows) throw refuse(`${labels.length} labels for ${matrix.rows} rows`)
  if (weights === undefined) return
  if (weights.length !== matrix.rows) throw refuse(`${weights.length} weights for ${matrix.rows} rows`)
  const wrong = weights.findIndex((weight) => !(weight >= 0 && weight < Infinity))
  if (wrong >= 0) throw refuse(`weight of row ${wrong}: found ${weights[wrong]}, expected a finite number from 0`)
}

function initialScores(objective: Objective, rows: number): Float64Array {
  const scores = new Float64Array(objective.outputs * rows)
  for (let k = 0; k < objective.outputs; k++) scores.fill(objective.initial[k]!, k * rows, (k + 1) * rows)
  return scores
}

class Boosting {
  readonly trees: Tree[] = []
  readonly scores: Float64Array
  readonly #binned: BinnedMatrix
  readonly #objective: Objective
  readonly #parameters: TreeParameters
  readonly #random: Random
  readonly #grower: TreeGrower
  readonly #rows: Int32Array
  #bag: Int32Array

  constructor(binned: BinnedMatrix, objective: Objective, parameters: TreeParameters, random: Random) {
    this.#binned = binned
    this.#objective = objective
    this.#parameters = parameters
    this.#random = random
    this.#grower = new TreeGrower(binned, parameters)
    this.#bag = Int32Array.from({ length: binned.rows }, (_, row) => row)
    this.#rows = new Int32Array(binned.rows)
    this.scores = initialScores(objective, binned.rows)
  }

  iterate(iteration: number): readonly Tree[] {
    this.#drawBag(iteration)
    const grown: Tree[] = []
    // All outputs learn from the scores at the iteration's start.
    const before = this.#objective.outputs > 1 ? this.scores.slice() : this.scores
    for (let k = 0; k < this.#objective.outputs; k++) {
      grown.push(this.#growFor(k, this.#objective.derivatives(before, k)))
    }
    this.trees.push(...grown)
    return grown
  }

  #growFor(k: number, derivatives: Derivatives): Tree {
    const { rows: count, bins, thresholds } = this.#binned
    const rows = this.#rows.subarray(0, this.#bag.length)
    rows.set(this.#bag)
    const inBag = this.#bag.length === count
    const scores = this.scores.subarray(k * count, (k + 1) * count)
    const tree = this.#grower.grow(rows, derivatives, this.#drawFeatures(), (value, start, end) => {
      if (inBag) for (let i = start; i < end; i++) scores[rows[i]!]! += value
    })
    if (!inBag) for (let row = 0; row < count; row++) scores[row]! += walkBins(tree, bins, thresholds, row)
    return tree
  }

  #drawBag(iteration: number): void {
    const { bagging_fraction: fraction, bagging_freq: every } = this.#parameters
    if (every === 0 || fraction === 1 || (iteration - 1) % every !== 0) return
    this.#bag = sampleIndices(this.#random, this.#binned.rows, Math.max(1, Math.round(fraction * this.#binned.rows)))
  }

  #drawFeatures(): Int32Array {
    const { columns } = this.#binned
    const count = Math.max(1, Math.round(this.#parameters.feature_fraction * columns))
    return sampleIndices(this.#random, columns, count)
  }
}

const SAMPLED_ROWS = 20_000

class SampledLoss {
  readonly #rows: Int32Array
  readonly #of: number
  readonly #labels: Float64Array
  readonly #weights: Float64Array | undefined
  readonly #objective: Objective

  constructor({ labels, weights }: LabelledMatrix, objective: Objective) {
    const count = Math.min(SAMPLED_ROWS, labels.length)
    this.#rows = Int32Array.from({ length: count }, (_, i) => Math.floor((i * labels.length) / count))
    this.#of = labels.length
    this.#labels = Float64Array.from(this.#rows, (row) => labels[row]!)
    this.#weights = weights === undefined ? undefined : Float64Array.from(this.#rows, (row) => weights[row]!)
    this.#objective = objective
  }

  loss(scores: Float64Array): number {
    const count = this.#rows.length
    const chosen = new Float64Array(count * this.#objective.outputs)
    for (let k = 0; k < this.#objective.outputs; k++) for (let i = 0; i < count; i++) chosen[k * count + i] = scores[k * this.#of + this.#rows[i]!]!
    return this.#objective.loss(chosen, this.#labels, this.#weights)
  }
}

/** Validation rows in the training rows' bins, with their scores so far. */
class Watched {
  readonly #data: LabelledMatrix
  readonly #binned: BinnedMatrix
  readonly #objective: Objective
  readonly #scores: Float64Array

  constructor(data: LabelledMatrix, training: BinnedMatrix, objective: Objective) {
    this.#data = data
    this.#binned = slotMatrix(data.matrix, training.thresholds)
    this.#objective = objective
    this.#scores = initialScores(objective, data.matrix.rows)
  }

  /** The loss with these trees added. */
  add(trees: readonly Tree[]): number {
    const { rows, bins, thresholds } = this.#binned
    trees.forEach((tree, k) => {
      for (let row = 0; row < rows; row++) this.#scores[k * rows + row]! += walkBins(tree, bins, thresholds, row)
    })
    return this.#objective.loss(this.#scores, this.#data.labels, this.#data.weights)
  }
}

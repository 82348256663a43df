import { MillraceError } from '../../../platform/errors/index.ts'
import type { TreeParameters } from './parameters.ts'
import { pack, packingFor, type Derivatives } from './split.ts'

/** What boosting minimises. Scores lie output by output: `scores[k * rows + row]`; with several outputs each iteration grows one tree for each. */
export interface Objective {
  readonly outputs: number
  /** The best constant score of each output. */
  readonly initial: Float64Array
  /** First and second derivative of the weighted loss with respect to output k's score. Overwritten by the next call. */
  derivatives(scores: Float64Array, k: number): Derivatives
  /** Mean weighted loss of other rows: log loss, or half the squared error. */
  loss(scores: Float64Array, labels: Float64Array, weights: Float64Array | undefined): number
}

/** `labels`: 0 and 1 (binary), class numbers from 0 (multiclass), or any finite number (regression). */
export function makeObjective(kind: TreeParameters['objective'], labels: Float64Array, weights: Float64Array | undefined): Objective {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!
    const valid = kind === 'binary' ? label === 0 || label === 1 : kind === 'multiclass' ? Number.isInteger(label) && label >= 0 && label < 1000 : Number.isFinite(label)
    if (!valid) throw new MillraceError('LEARNER_INVALID', `label of row ${row}: found ${label}, which the objective ${kind} cannot learn`)
  }
  if (kind === 'binary') return binary(labels, weights)
  return kind === 'regression' ? regression(labels, weights) : multiclass(labels, weights)
}

function weightedMean(labels: Float64Array, weights: Float64Array | undefined, value: (label: number) => number): number {
  let sum = 0
  let total = 0
  for (let row = 0; row < labels.length; row++) {
    const weight = weights === undefined ? 1 : weights[row]!
    sum += weight * value(labels[row]!)
    total += weight
  }
  return sum / total
}

/** Packs the hessians, in place, by the largest of them: where all are small (a rare class) none may be rounded away. */
function packed(values: Float64Array): Derivatives {
  let highest = 0
  for (let at = 1; at < values.length; at += 2) if (values[at]! > highest) highest = values[at]!
  const packing = packingFor(values.length / 2, highest)
  for (let at = 1; at < values.length; at += 2) values[at] = pack(values[at]!, packing)
  return { values, packing }
}

/** Keeps the initial score finite where all labels are the same. */
const EDGE = 1e-7

export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score))
}

function binary(labels: Float64Array, weights: Float64Array | undefined): Objective {
  const values = new Float64Array(2 * labels.length)
  const rate = Math.min(1 - EDGE, Math.max(EDGE, weightedMean(labels, weights, (label) => label)))
  return {
    outputs: 1,
    initial: Float64Array.of(Math.log(rate / (1 - rate))),
    derivatives(scores) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weights === undefined ? 1 : weights[row]!
        const p = sigmoid(scores[row]!)
        values[2 * row] = weight * (p - labels[row]!)
        values[2 * row + 1] = weight * p * (1 - p)
      }
      return packed(values)
    },
    loss: logisticLoss,
  }
}

/** Mean of log(1 + e^margin). One logarithm for many rows: a product of (1 + e^margin) is kept as long as it cannot overflow. */
function logisticLoss(scores: Float64Array, labels: Float64Array, weights: Float64Array | undefined): number {
  let sum = 0
  let total = 0
  let product = 1
  for (let row = 0; row < labels.length; row++) {
    const margin = labels[row] === 1 ? -scores[row]! : scores[row]!
    if (weights === undefined && margin < 100) {
      product *= 1 + Math.exp(margin)
      if (product > 1e200) {
        sum += Math.log(product)
        product = 1
      }
    } else {
      const weight = weights === undefined ? 1 : weights[row]!
      sum += weight * (Math.max(0, margin) + Math.log1p(Math.exp(-Math.abs(margin))))
      total += weight
    }
  }
  return (sum + Math.log(product)) / (weights === undefined ? labels.length : total)
}

function regression(labels: Float64Array, weights: Float64Array | undefined): Objective {
  const values = new Float64Array(2 * labels.length)
  return {
    outputs: 1,
    initial: Float64Array.of(weightedMean(labels, weights, (label) => label)),
    derivatives(scores) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weights === undefined ? 1 : weights[row]!
        values[2 * row] = weight * (scores[row]! - labels[row]!)
        values[2 * row + 1] = weight
      }
      return packed(values)
    },
    loss(scores, given, givenWeights) {
      let sum = 0
      let total = 0
      for (let row = 0; row < given.length; row++) {
        const weight = givenWeights === undefined ? 1 : givenWeights[row]!
        const error = scores[row]! - given[row]!
        sum += (weight * error * error) / 2
        total += weight
      }
      return sum / total
    },
  }
}

function multiclass(labels: Float64Array, weights: Float64Array | undefined): Objective {
  const rows = labels.length
  const outputs = labels.reduce((most, label) => Math.max(most, label), 0) + 1
  const initial = Float64Array.from({ length: outputs }, (_, k) =>
    Math.log(Math.max(EDGE, weightedMean(labels, weights, (label) => (label === k ? 1 : 0)))),
  )
  // Friedman's factor for K one-against-rest trees sharing one softmax.
  const factor = outputs / Math.max(1, outputs - 1)
  const values = new Float64Array(2 * rows)
  const logSum = (scores: Float64Array, count: number, row: number): number => {
    let top = -Infinity
    for (let k = 0; k < outputs; k++) top = Math.max(top, scores[k * count + row]!)
    let sum = 0
    for (let k = 0; k < outputs; k++) sum += Math.exp(scores[k * count + row]! - top)
    return top + Math.log(sum)
  }
  return {
    outputs,
    initial,
    derivatives(scores, k) {
      for (let row = 0; row < rows; row++) {
        const weight = weights === undefined ? 1 : weights[row]!
        const p = Math.exp(scores[k * rows + row]! - logSum(scores, rows, row))
        values[2 * row] = weight * (p - (labels[row] === k ? 1 : 0))
        values[2 * row + 1] = weight * factor * p * (1 - p)
      }
      return packed(values)
    },
    loss(scores, given, givenWeights) {
      let sum = 0
      let total = 0
      for (let row = 0; row < given.length; row++) {
        const weight = givenWeights === undefined ? 1 : givenWeights[row]!
        sum += weight * (logSum(scores, given.length, row) - scores[given[row]! * given.length + row]!)
        total += weight
      }
      return sum / total
    },
  }
}

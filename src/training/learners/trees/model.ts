import type { Matrix } from './bins.ts'
import { sigmoid } from './objective.ts'
import type { TreeParameters } from './parameters.ts'
import { walkTree, type Tree } from './tree.ts'

/** A trained ensemble. Tree i belongs to output i mod `outputs`; an output's score is `initial` plus the sum of its trees. */
export interface TreeModel {
  readonly objective: TreeParameters['objective']
  readonly outputs: number
  readonly features: number
  readonly initial: Float64Array
  readonly trees: readonly Tree[]
}

/** Raw scores, `[k * rows + row]`. */
export function predictScores(model: TreeModel, matrix: Matrix): Float64Array {
  const scores = new Float64Array(model.outputs * matrix.rows)
  for (let k = 0; k < model.outputs; k++) {
    const initial = Math.fround(model.initial[k]!)
    for (let row = 0; row < matrix.rows; row++) {
      let sum = 0
      for (let i = k; i < model.trees.length; i += model.outputs) sum += walkTree(model.trees[i]!, matrix.columns, row)
      scores[k * matrix.rows + row] = sum + initial
    }
  }
  return scores
}

/** The probability of class 1 for every row of a binary model. */
export function predictProbability(model: TreeModel, matrix: Matrix): Float64Array {
  return predictScores(model, matrix).map(sigmoid)
}

export interface Importance {
  /** Sum of the loss reductions of all splits on the feature. */
  readonly gain: Float64Array
  /** Number of splits on the feature. */
  readonly split: Float64Array
}

export function featureImportance(model: TreeModel): Importance {
  const gain = new Float64Array(model.features)
  const split = new Float64Array(model.features)
  for (const tree of model.trees) {
    for (let node = 0; node < tree.feature.length; node++) {
      const feature = tree.feature[node]!
      if (feature < 0) continue
      gain[feature]! += tree.gain[node]!
      split[feature]! += 1
    }
  }
  return { gain, split }
}

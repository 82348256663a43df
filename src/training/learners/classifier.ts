import type { FeatureSpec } from '../../domain/feature-spec.ts'
import { DEFAULT_CATEGORY_OPTIONS, encodeCategories, learnCategories, type CategoryCodes } from './categories.ts'
import { exportOnnx } from './onnx/export.ts'
import { concatRows, type TrainingTable } from './table.ts'
import type { Matrix } from './trees/bins.ts'
import { predictProbability, type TreeModel } from './trees/model.ts'
import type { TreeParameters } from './trees/parameters.ts'
import { trainTrees, type IterationMetrics } from './trees/train.ts'

/** A binary classifier with all that it needs to score: how missing numbers are filled, what the categories' codes are, and the trees. */
export interface Classifier {
  /** The specification it was trained with, `fill` set from the training rows. */
  readonly spec: FeatureSpec
  readonly codes: readonly CategoryCodes[]
  readonly model: TreeModel
}

export interface FittedClassifier extends Classifier {
  readonly history: readonly IterationMetrics[]
}

export interface FitOptions {
  readonly validation?: TrainingTable
  readonly onIteration?: (metrics: IterationMetrics) => void
  readonly signal?: AbortSignal
}

/** Below this share of missing values trees cannot learn what missing means, and a typical value serves better. */
const FILL_BELOW = 0.01

export async function fitClassifier(spec: FeatureSpec, table: TrainingTable, parameters: TreeParameters, options: FitOptions = {}): Promise<FittedClassifier> {
  const filled = withFills(spec, table)
  const codes = table.categorical.map((values) => learnCategories(values, table.labels, undefined, { ...DEFAULT_CATEGORY_OPTIONS, limit: parameters.max_bin - 1 }))
  const classifier = { spec: filled, codes }
  const { validation, ...rest } = options
  const { model, history } = await trainTrees({ matrix: matrixOf(classifier, table), labels: table.labels }, parameters, {
    ...rest,
    ...(validation === undefined ? {} : { validation: { matrix: matrixOf(classifier, validation), labels: validation.labels } }),
  })
  return { ...classifier, model, history }
}

export interface FittedTwice {
  /** Has not seen `test`, by which it can be judged. With early stopping its number of trees was chosen there, which flatters it a little. */
  readonly judged: FittedClassifier
  /** The same number of trees, learned from all rows: the newest tell most of what comes next. It is the one to serve. */
  readonly served: FittedClassifier
}

/** `test` are the rows that come after those of `train`; where there are none, one model is both. */
export async function fitTwice(spec: FeatureSpec, train: TrainingTable, test: TrainingTable, parameters: TreeParameters, options: Omit<FitOptions, 'validation'> = {}): Promise<FittedTwice> {
  if (test.rows === 0) {
    const only = await fitClassifier(spec, train, parameters, options)
    return { judged: only, served: only }
  }
  const judged = await fitClassifier(spec, train, parameters, { ...options, validation: test })
  const trees = { ...parameters, num_iterations: judged.model.trees.length, early_stopping_round: 0 }
  const { onIteration: _told, ...rest } = options
  return { judged, served: await fitClassifier(spec, concatRows(train, test), trees, rest) }
}

/** Probability of class 1 for every row. */
export function scoreTable(classifier: Classifier, table: TrainingTable): Float64Array {
  return predictProbability(classifier.model, matrixOf(classifier, table))
}

export function classifierToOnnx({ spec, codes, model }: Classifier): Uint8Array {
  return exportOnnx(
    model,
    { numeric: spec.numeric.map((input) => input.name), categorical: spec.categorical.map((input, i) => ({ name: input.name, codes: codes[i]! })) },
    spec.service,
  )
}

function matrixOf({ spec, codes }: Pick<Classifier, 'spec' | 'codes'>, table: TrainingTable): Matrix {
  return {
    rows: table.rows,
    columns: [
      ...table.numeric.map((column, i) => filledColumn(column, spec.numeric[i]?.fill ?? null)),
      ...table.categorical.map((values, i) => encodeCategories(codes[i]!, values)),
    ],
  }
}

function filledColumn(column: Float32Array, fill: number | null): Float32Array {
  if (fill === null) return column
  const filled = column.slice()
  for (let row = 0; row < filled.length; row++) if (filled[row] !== filled[row]) filled[row] = fill
  return filled
}

function withFills(spec: FeatureSpec, table: TrainingTable): FeatureSpec {
  return {
    ...spec,
    numeric: spec.numeric.map((input, i) => {
      const column = table.numeric[i]!
      const present = column.filter((value) => value === value).sort()
      const seldomMissing = present.length > 0 && column.length - present.length < FILL_BELOW * column.length
      return { ...input, fill: seldomMissing ? present[present.length >> 1]! : null }
    }),
  }
}

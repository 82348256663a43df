import { MillraceError } from '../../../platform/errors/index.ts'

/** Names and meanings follow LightGBM's (https://lightgbm.readthedocs.io/en/stable/Parameters.html), so that its users need no table. */
export interface TreeParameters {
  readonly objective: 'binary' | 'regression' | 'multiclass'
  readonly num_iterations: number
  readonly learning_rate: number
  readonly num_leaves: number
  /** −1: no limit. */
  readonly max_depth: number
  readonly min_data_in_leaf: number
  readonly min_sum_hessian_in_leaf: number
  readonly min_gain_to_split: number
  readonly lambda_l1: number
  readonly lambda_l2: number
  /** 2 … 255 */
  readonly max_bin: number
  /** Share of the columns that each tree may use. */
  readonly feature_fraction: number
  /** Share of the rows that each bag holds; a new bag is drawn every `bagging_freq` iterations (0: no bagging). */
  readonly bagging_fraction: number
  readonly bagging_freq: number
  /** Stop when the validation loss has not fallen for so many iterations, and keep the best; 0: never. */
  readonly early_stopping_round: number
  readonly seed: number
}

export const DEFAULT_PARAMETERS: TreeParameters = {
  objective: 'binary',
  num_iterations: 100,
  learning_rate: 0.1,
  num_leaves: 31,
  max_depth: -1,
  min_data_in_leaf: 20,
  min_sum_hessian_in_leaf: 1e-3,
  min_gain_to_split: 0,
  lambda_l1: 0,
  lambda_l2: 0,
  max_bin: 255,
  feature_fraction: 1,
  bagging_fraction: 1,
  bagging_freq: 0,
  early_stopping_round: 0,
  seed: 0,
}

type Range = readonly [low: number, high: number, whole: boolean]

/** Lowest and highest value, and whether it must be whole. */
export const RANGES: Readonly<Record<Exclude<keyof TreeParameters, 'objective'>, Range>> = {
  num_iterations: [1, 100_000, true],
  learning_rate: [1e-6, 10, false],
  num_leaves: [2, 4096, true],
  max_depth: [-1, 100, true],
  min_data_in_leaf: [1, 1e9, true],
  min_sum_hessian_in_leaf: [0, 1e9, false],
  min_gain_to_split: [0, 1e9, false],
  lambda_l1: [0, 1e9, false],
  lambda_l2: [0, 1e9, false],
  max_bin: [2, 255, true],
  feature_fraction: [1e-6, 1, false],
  bagging_fraction: [1e-6, 1, false],
  bagging_freq: [0, 1e6, true],
  early_stopping_round: [0, 1e6, true],
  seed: [0, Number.MAX_SAFE_INTEGER, true],
}

const OBJECTIVES = ['binary', 'regression', 'multiclass'] as const

/** Fills in the defaults. LEARNER_INVALID for an unknown name, a value of the wrong type, or one out of its range; `where` starts the message. */
export function parseTreeParameters(given: Readonly<Record<string, unknown>>, where = 'learner'): TreeParameters {
  const refuse = (key: string, expected: string) =>
    new MillraceError('LEARNER_INVALID', `${where}.${key}: found ${JSON.stringify(given[key])}, expected ${expected}`)
  let objective: TreeParameters['objective'] = DEFAULT_PARAMETERS.objective
  const numbers: Partial<Record<keyof typeof RANGES, number>> = {}
  for (const key of Object.keys(given)) {
    if (key === 'objective') {
      const named = OBJECTIVES.find((name) => name === given[key])
      if (named === undefined) throw refuse(key, `one of ${OBJECTIVES.join(', ')}`)
      objective = named
    } else if (isRanged(key)) {
      const value = given[key]
      const [low, high, whole] = RANGES[key]
      if (typeof value !== 'number' || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
        throw refuse(key, `a ${whole ? 'whole ' : ''}number from ${low} to ${high}`)
      }
      numbers[key] = value
    } else {
      throw refuse(key, `no such key; the learner knows objective, ${Object.keys(RANGES).join(', ')}`)
    }
  }
  return { ...DEFAULT_PARAMETERS, ...numbers, objective }
}

function isRanged(key: string): key is keyof typeof RANGES {
  return Object.hasOwn(RANGES, key)
}

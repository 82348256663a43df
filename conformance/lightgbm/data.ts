import { Random } from '../../src/training/learners/random.ts'
import type { LabelledMatrix } from '../../src/training/learners/trees/train.ts'

/** Made-up data sets, each awkward in its own way. The label is drawn from a known probability, or a known value with noise. */
export interface DataSet {
  readonly name: string
  readonly objective: 'binary' | 'regression'
  readonly make: (seed: number, rows: number) => LabelledMatrix
}

type Score = (row: readonly number[]) => number

export const DATA_SETS: readonly DataSet[] = [
  { name: 'linear', objective: 'binary', make: binary(10, 0, (x) => x[0]! + 0.5 * x[1]! - 0.8 * x[2]!) },
  { name: 'interaction', objective: 'binary', make: binary(6, 0, (x) => (x[0]! > 0 !== x[1]! > 0 ? 1.5 : -1.5) + x[2]!) },
  { name: 'missing values', objective: 'binary', make: binary(8, 0.3, (x) => (Number.isNaN(x[0]!) ? 1.2 : x[0]!) + (Number.isNaN(x[1]!) ? -1 : 0.3 * x[1]!)) },
  { name: 'rare class', objective: 'binary', make: binary(8, 0, (x) => 1.5 * x[0]! + Math.sin(3 * x[1]!) - 4) },
  { name: 'bends', objective: 'regression', make: regression(6, (x) => 10 * Math.sin(Math.PI * x[0]! * x[1]!) + 20 * (x[2]! - 0.5) ** 2 + 10 * x[3]!) },
]

function matrix(random: Random, rows: number, width: number, missing: number): Float32Array[] {
  return Array.from({ length: width }, (_, j) =>
    Float32Array.from({ length: rows }, () => (random.uniform() < missing ? Number.NaN : j % 3 === 2 ? Math.round(random.uniform() * 12 - 6) / 3 : normal(random))),
  )
}

function binary(width: number, missing: number, score: Score): DataSet['make'] {
  return (seed, rows) => {
    const random = new Random(seed)
    const columns = matrix(random, rows, width, missing)
    const labels = Float64Array.from({ length: rows }, (_, row) => (random.uniform() < 1 / (1 + Math.exp(-score(columns.map((column) => column[row]!)))) ? 1 : 0))
    return { matrix: { rows, columns }, labels }
  }
}

function regression(width: number, value: Score): DataSet['make'] {
  return (seed, rows) => {
    const random = new Random(seed)
    const columns = matrix(random, rows, width, 0)
    const labels = Float64Array.from({ length: rows }, (_, row) => value(columns.map((column) => column[row]!)) + normal(random))
    return { matrix: { rows, columns }, labels }
  }
}

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
}

import { type Binned } from './bins.ts'

/** Below this standard deviation Evidently normalises by it instead (`wasserstein_distance_norm.py`). */
const LEAST_DEVIATION = 0.001

/**
 * Wasserstein distance of order 1 in units of the reference's standard deviation (population, ddof 0): the area between the two empirical
 * distribution functions. Neither sample may be empty.
 */
export function wassersteinNormed(reference: Float64Array, current: Float64Array): number {
  const a = reference.toSorted()
  const b = current.toSorted()
  let distance = 0
  let i = 0
  let j = 0
  let previous = Math.min(a[0] ?? 0, b[0] ?? 0)
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity)
    distance += Math.abs(i / a.length - j / b.length) * (value - previous)
    while (i < a.length && a[i] === value) i++
    while (j < b.length && b[j] === value) j++
    previous = value
  }
  return distance / Math.max(deviation(reference), LEAST_DEVIATION)
}

/** Square root of the Jensen-Shannon divergence, natural logarithm: 0 for equal shares, 0.8326 (the root of ln 2) for disjoint ones. */
export function jensenShannon({ reference, current }: Binned): number {
  const p = normalised(reference)
  const q = normalised(current)
  let divergence = 0
  for (let i = 0; i < p.length; i++) {
    const x = p[i] ?? 0
    const y = q[i] ?? 0
    const middle = (x + y) / 2
    divergence += relativeEntropy(x, middle) + relativeEntropy(y, middle)
  }
  return Math.sqrt(Math.max(0, divergence / 2))
}

/** Population stability index, Σ (r − c) ln(r / c), with Evidently's filling of empty bins. */
export function populationStability({ reference, current }: Binned): number {
  const r = filled(reference)
  const c = filled(current)
  return r.reduce((sum, share, i) => sum + (share - (c[i] ?? 0)) * Math.log(share / (c[i] ?? 0)), 0)
}

/** Empty bins, each side for itself: 0.0001, or a millionth of the side's smallest share where that is 0.0001 or less. */
function filled(shares: readonly number[]): number[] {
  const smallest = Math.min(...shares.filter((share) => share !== 0))
  const fill = smallest <= 0.0001 ? smallest / 1e6 : 0.0001
  return shares.map((share) => (share === 0 ? fill : share))
}

function normalised(shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0)
  return shares.map((share) => share / total)
}

function relativeEntropy(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(x / y)
}

function deviation(sample: Float64Array): number {
  const mean = sample.reduce((sum, value) => sum + value, 0) / sample.length
  return Math.sqrt(sample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sample.length)
}

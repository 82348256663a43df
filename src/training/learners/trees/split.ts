import type { BinnedMatrix } from './bins.ts'
import type { TreeParameters } from './parameters.ts'

/**
 * A histogram has two numbers a slot: the sum of gradients, and the packed sum of hessians and count of rows. The fewer numbers a
 * row touches, the faster: this loop is most of the training. A packed sum is the whole number count · 2^bits + Σ round(h · scale), exact
 * below 2^53, so that counts are exact and subtracting a child from its parent loses nothing.
 */
export const STRIDE = 2

export interface Packing {
  readonly scale: number
  /** 2^bits */
  readonly unit: number
}

/** Gradient and packed hessian of every row, one behind the other (`[2 * row]`, `[2 * row + 1]`): a row that is visited is fetched once. */
export interface Derivatives {
  readonly values: Float64Array
  readonly packing: Packing
}

/** Leaves room for `rows` rows of hessians up to `highest`: 14 bits a hessian at 300,000 rows. */
export function packingFor(rows: number, highest: number): Packing {
  const countBits = Math.ceil(Math.log2(rows + 1))
  const unit = 2 ** (52 - countBits)
  return { scale: highest > 0 ? Math.min(2 ** 24, Math.floor((unit - 1) / (rows + 1))) / highest : 0, unit }
}

export function pack(hessian: number, { scale, unit }: Packing): number {
  return unit + Math.floor(hessian * scale + 0.5)
}

export function unpackedCount(packed: number, packing: Packing): number {
  return Math.floor(packed / packing.unit)
}

export function unpackedHessian(packed: number, packing: Packing): number {
  return packing.scale === 0 ? 0 : (packed % packing.unit) / packing.scale
}

export interface Split {
  readonly feature: number
  /** The last bin that goes left. */
  readonly bin: number
  readonly missingLeft: boolean
  readonly gain: number
}

export interface Totals {
  readonly gradient: number
  /** Hessians and count, packed. */
  readonly packed: number
  readonly count: number
}

/** Score of a leaf: twice the loss that its best value saves (Chen & Guestrin 2016, eq. 7, with L1 as LightGBM thresholds it). */
export function leafScore(gradient: number, hessian: number, l1: number, l2: number): number {
  const g = softThreshold(gradient, l1)
  return (g * g) / (hessian + l2)
}

export function leafValue(gradient: number, hessian: number, l1: number, l2: number): number {
  return -softThreshold(gradient, l1) / (hessian + l2)
}

function softThreshold(gradient: number, l1: number): number {
  if (l1 === 0) return gradient
  return Math.sign(gradient) * Math.max(0, Math.abs(gradient) - l1)
}

/** The best split of a leaf over the columns of `features`, or undefined where none is allowed or worth it. */
export function findSplit(
  matrix: BinnedMatrix,
  histogram: Float64Array,
  totals: Totals,
  features: Int32Array,
  packing: Packing,
  parameters: TreeParameters,
): Split | undefined {
  const { lambda_l1: l1, lambda_l2: l2, min_data_in_leaf: minCount, min_sum_hessian_in_leaf: minHessian } = parameters
  const { gradient: G, packed: P, count: N } = totals
  const { unit } = packing
  const size = packing.scale === 0 ? 0 : 1 / packing.scale
  const H = unpackedHessian(P, packing)
  const floor = leafScore(G, H, l1, l2) + parameters.min_gain_to_split
  let bestScore = floor + 1e-10
  let bestFeature = -1
  let bestBin = 0
  let bestMissingLeft = false
  for (const feature of features) {
    const first = matrix.offsets[feature]!
    const last = matrix.offsets[feature + 1]! - 1
    const missingGradient = histogram[last * STRIDE]!
    const missingPacked = histogram[last * STRIDE + 1]!
    // Without missing rows both directions are the same split; with them, all present left against missing right is one more.
    const anyMissing = missingPacked > 0
    for (let direction = anyMissing ? 1 : 0; direction >= 0; direction--) {
      let g = direction === 1 ? missingGradient : 0
      let packed = direction === 1 ? missingPacked : 0
      const stop = anyMissing && direction === 0 ? last : last - 1
      for (let slot = first; slot < stop; slot++) {
        const here = histogram[slot * STRIDE + 1]!
        if (here === 0) continue
        g += histogram[slot * STRIDE]!
        packed += here
        const n = Math.floor(packed / unit)
        if (n < minCount) continue
        if (N - n < minCount) break
        const h = (packed - n * unit) * size
        if (h < minHessian) continue
        if (H - h < minHessian) break
        const score = leafScore(g, h, l1, l2) + leafScore(G - g, H - h, l1, l2)
        if (score > bestScore) {
          bestScore = score
          bestFeature = feature
          bestBin = slot - first
          // Never seen missing here: a missing value follows the majority.
          bestMissingLeft = anyMissing ? direction === 1 : n * 2 >= N
        }
      }
    }
  }
  if (bestFeature < 0) return undefined
  return { feature: bestFeature, bin: bestBin, missingLeft: bestMissingLeft, gain: bestScore - floor }
}

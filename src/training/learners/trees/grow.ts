import type { BinnedMatrix } from './bins.ts'
import type { TreeParameters } from './parameters.ts'
import { findSplit, leafValue, STRIDE, unpackedCount, unpackedHessian, type Derivatives, type Packing, type Split, type Totals } from './split.ts'
import type { Tree } from './tree.ts'

interface Leaf {
  readonly node: number
  readonly depth: number
  /** The leaf's rows are `rows[start … start + count − 1]`. */
  readonly start: number
  readonly totals: Totals
  readonly histogram: Float64Array
  readonly split: Split | undefined
}

interface Work {
  readonly rows: Int32Array
  readonly values: Float64Array
  readonly packing: Packing
  readonly features: Int32Array
}

/** Grows trees leaf by leaf, always splitting the leaf that gains most. It keeps its buffers from one tree to the next. */
export class TreeGrower {
  readonly #matrix: BinnedMatrix
  readonly #parameters: TreeParameters
  readonly #pool: Float64Array[] = []
  readonly #scratch: Int32Array

  constructor(matrix: BinnedMatrix, parameters: TreeParameters) {
    this.#matrix = matrix
    this.#parameters = parameters
    this.#scratch = new Int32Array(matrix.rows)
  }

  /**
   * A tree that fits the derivatives of `rows` (ascending; reordered in place, so that each leaf's rows lie together), using `features` only. `onLeaf` is called with every leaf's value and range of `rows`.
   */
  grow(
    rows: Int32Array,
    derivatives: Derivatives,
    features: Int32Array,
    onLeaf: (value: number, start: number, end: number) => void,
  ): Tree {
    const { num_leaves: limit, lambda_l1: l1, lambda_l2: l2, learning_rate: rate } = this.#parameters
    const tree = emptyTree(2 * limit - 1)
    const { values, packing } = derivatives
    const work: Work = { rows, values, packing, features }
    const root = this.#histogramOf(work, 0, rows.length)
    const leaves: Leaf[] = [this.#leaf(work, 0, 0, 0, this.#totalsOf(root, work), root)]
    let nodes = 1
    while (leaves.length < limit) {
      const best = bestLeaf(leaves)
      if (best === undefined) break
      const leaf = leaves[best]!
      const split = leaf.split!
      const left = nodes++
      const right = nodes++
      this.#record(tree, leaf, split, left, right)
      const [leftLeaf, rightLeaf] = this.#divide(work, leaf, split, left, right)
      leaves[best] = leftLeaf
      leaves.push(rightLeaf)
    }
    for (const leaf of leaves) {
      const value = Math.fround(rate * leafValue(leaf.totals.gradient, unpackedHessian(leaf.totals.packed, packing), l1, l2))
      tree.feature[leaf.node] = -1
      tree.value[leaf.node] = value
      tree.count[leaf.node] = leaf.totals.count
      onLeaf(tree.value[leaf.node]!, leaf.start, leaf.start + leaf.totals.count)
      this.#pool.push(leaf.histogram)
    }
    return trim(tree, nodes)
  }

  #leaf(work: Work, node: number, depth: number, start: number, totals: Totals, histogram: Float64Array): Leaf {
    const { max_depth: maxDepth, min_data_in_leaf: minCount } = this.#parameters
    const mayStop = (maxDepth >= 0 && depth >= maxDepth) || totals.count < 2 * minCount
    const split = mayStop ? undefined : findSplit(this.#matrix, histogram, totals, work.features, work.packing, this.#parameters)
    return { node, depth, start, totals, histogram, split }
  }

  #record(tree: Tree, leaf: Leaf, split: Split, left: number, right: number): void {
    tree.feature[leaf.node] = split.feature
    tree.bin[leaf.node] = split.bin
    // A cut behind the last bin parts the present values from the missing ones.
    tree.threshold[leaf.node] = this.#matrix.thresholds[split.feature]![split.bin] ?? Infinity
    tree.missingLeft[leaf.node] = split.missingLeft ? 1 : 0
    tree.left[leaf.node] = left
    tree.right[leaf.node] = right
    tree.gain[leaf.node] = split.gain
    tree.count[leaf.node] = leaf.totals.count
  }

  #divide(work: Work, leaf: Leaf, split: Split, left: number, right: number): [Leaf, Leaf] {
    const leftCount = this.#partition(leaf, split, work.rows)
    const rightCount = leaf.totals.count - leftCount
    const middle = leaf.start + leftCount
    const leftIsSmall = leftCount <= rightCount
    const small = leftIsSmall ? this.#histogramOf(work, leaf.start, leftCount) : this.#histogramOf(work, middle, rightCount)
    const smallTotals = this.#totalsOf(small, work)
    const large = this.#subtract(leaf.histogram, small, work.features)
    const largeTotals: Totals = {
      gradient: leaf.totals.gradient - smallTotals.gradient,
      packed: leaf.totals.packed - smallTotals.packed,
      count: leaf.totals.count - smallTotals.count,
    }
    const depth = leaf.depth + 1
    const [leftTotals, leftHistogram, rightTotals, rightHistogram] = leftIsSmall
      ? [smallTotals, small, largeTotals, large]
      : [largeTotals, large, smallTotals, small]
    return [
      this.#leaf(work, left, depth, leaf.start, leftTotals, leftHistogram),
      this.#leaf(work, right, depth, middle, rightTotals, rightHistogram),
    ]
  }

  /** Puts the rows that go left before the others, both in their old order, and returns how many go left. */
  #partition(leaf: Leaf, split: Split, rows: Int32Array): number {
    const scratch = this.#scratch
    const bins = this.#matrix.bins[split.feature]!
    const missing = this.#matrix.thresholds[split.feature]!.length + 1
    const { bin: lastLeft, missingLeft } = split
    const end = leaf.start + leaf.totals.count
    let kept = leaf.start
    let moved = 0
    for (let i = leaf.start; i < end; i++) {
      const row = rows[i]!
      const bin = bins[row]!
      if (bin === missing ? missingLeft : bin <= lastLeft) rows[kept++] = row
      else scratch[moved++] = row
    }
    rows.set(scratch.subarray(0, moved), kept)
    return kept - leaf.start
  }

  #histogramOf(work: Work, start: number, count: number): Float64Array {
    const { columns, offsets } = this.#matrix
    const histogram = this.#pool.pop() ?? new Float64Array(offsets[columns]! * STRIDE)
    histogram.fill(0)
    if (work.features.length === columns) addAllColumns(histogram, this.#matrix, work, start, start + count)
    else addSomeColumns(histogram, this.#matrix, work, start, start + count)
    return histogram
  }

  /** Any one column's slots hold every row once. */
  #totalsOf(histogram: Float64Array, { features, packing }: Work): Totals {
    const { offsets } = this.#matrix
    const feature = features[0]!
    let gradient = 0
    let packed = 0
    for (let slot = offsets[feature]!; slot < offsets[feature + 1]!; slot++) {
      gradient += histogram[slot * STRIDE]!
      packed += histogram[slot * STRIDE + 1]!
    }
    return { gradient, packed, count: unpackedCount(packed, packing) }
  }

  /** The sibling's histogram is the parent's less the child's: half of all rows are never visited. The parent's buffer is reused. */
  #subtract(parent: Float64Array, child: Float64Array, features: Int32Array): Float64Array {
    const { offsets } = this.#matrix
    for (const feature of features) {
      for (let at = offsets[feature]! * STRIDE, end = offsets[feature + 1]! * STRIDE; at < end; at++) parent[at]! -= child[at]!
    }
    return parent
  }
}

function bestLeaf(leaves: readonly Leaf[]): number | undefined {
  let best: number | undefined
  for (let i = 0; i < leaves.length; i++) {
    const split = leaves[i]!.split
    if (split !== undefined && (best === undefined || split.gain > leaves[best]!.split!.gain)) best = i
  }
  return best
}

function addAllColumns(histogram: Float64Array, matrix: BinnedMatrix, work: Work, start: number, end: number): void {
  const { columns, slots } = matrix
  const { rows, values } = work
  for (let i = start; i < end; i++) {
    const row = rows[i]!
    const gradient = values[2 * row]!
    const rest = values[2 * row + 1]!
    const from = row * columns
    const to = from + columns
    for (let k = from; k < to; k++) {
      const at = slots[k]! * STRIDE
      histogram[at] = histogram[at]! + gradient
      histogram[at + 1] = histogram[at + 1]! + rest
    }
  }
}

function addSomeColumns(histogram: Float64Array, matrix: BinnedMatrix, work: Work, start: number, end: number): void {
  const { columns, slots } = matrix
  const { rows, values, features } = work
  for (let i = start; i < end; i++) {
    const row = rows[i]!
    const gradient = values[2 * row]!
    const rest = values[2 * row + 1]!
    const from = row * columns
    for (let k = 0; k < features.length; k++) {
      const at = slots[from + features[k]!]! * STRIDE
      histogram[at] = histogram[at]! + gradient
      histogram[at + 1] = histogram[at + 1]! + rest
    }
  }
}

function emptyTree(nodes: number): Tree {
  return {
    feature: new Int32Array(nodes).fill(-1),
    threshold: new Float32Array(nodes),
    bin: new Int32Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    missingLeft: new Uint8Array(nodes),
    value: new Float32Array(nodes),
    gain: new Float64Array(nodes),
    count: new Int32Array(nodes),
  }
}

function trim(tree: Tree, nodes: number): Tree {
  return {
    feature: tree.feature.slice(0, nodes),
    threshold: tree.threshold.slice(0, nodes),
    bin: tree.bin.slice(0, nodes),
    left: tree.left.slice(0, nodes),
    right: tree.right.slice(0, nodes),
    missingLeft: tree.missingLeft.slice(0, nodes),
    value: tree.value.slice(0, nodes),
    gain: tree.gain.slice(0, nodes),
    count: tree.count.slice(0, nodes),
  }
}

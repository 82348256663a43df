/**
 * One tree as parallel arrays; node 0 is the root. An inner node sends a row left if `value ≤ threshold`, or, where the value is
 * missing, if `missingLeft` is 1. A leaf has feature −1 and its (already shrunk, float32) value.
 */
export interface Tree {
  readonly feature: Int32Array
  readonly threshold: Float32Array
  /** The threshold as a bin of the training matrix: left if the row's bin is at most it. */
  readonly bin: Int32Array
  readonly left: Int32Array
  readonly right: Int32Array
  readonly missingLeft: Uint8Array
  readonly value: Float32Array
  /** Loss reduction of the split, for importance. */
  readonly gain: Float64Array
  /** Rows of the training bag that reached the node. */
  readonly count: Int32Array
}

/** The leaf's value for one row of raw float32 values. */
export function walkTree(tree: Tree, columns: readonly Float32Array[], row: number): number {
  let node = 0
  for (let feature = tree.feature[0]!; feature >= 0; feature = tree.feature[node]!) {
    const value = columns[feature]![row]!
    const goesLeft = value === value ? value <= tree.threshold[node]! : tree.missingLeft[node] === 1
    node = goesLeft ? tree.left[node]! : tree.right[node]!
  }
  return tree.value[node]!
}

/** The same for one row of bins (`bins` and `thresholds` of a BinnedMatrix). */
export function walkBins(tree: Tree, bins: readonly Uint8Array[], thresholds: readonly Float32Array[], row: number): number {
  let node = 0
  for (let feature = tree.feature[0]!; feature >= 0; feature = tree.feature[node]!) {
    const bin = bins[feature]![row]!
    const missing = bin === thresholds[feature]!.length + 1
    const goesLeft = missing ? tree.missingLeft[node] === 1 : bin <= tree.bin[node]!
    node = goesLeft ? tree.left[node]! : tree.right[node]!
  }
  return tree.value[node]!
}

import type { TreeModel } from '../trees/model.ts'
import type { AttributeValue, GraphNode } from './graph.ts'

/**
 * The ensemble as one `TreeEnsembleClassifier` or `TreeEnsembleRegressor` (https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html).
 * A binary model has class id 0 everywhere, one base value and LOGISTIC: with class id 1 ONNX Runtime's probabilities are off and no checker notices.
 */
export function treeEnsembleNode(model: TreeModel, input: string, outputs: readonly string[]): GraphNode {
  const nodes = nodeArrays(model)
  const leaves = leafArrays(model)
  const prefix = model.objective === 'regression' ? 'target' : 'class'
  const attributes: Record<string, AttributeValue> = {
    nodes_treeids: { kind: 'ints', values: nodes.tree },
    nodes_nodeids: { kind: 'ints', values: nodes.node },
    nodes_featureids: { kind: 'ints', values: nodes.feature },
    nodes_values: { kind: 'floats', values: nodes.threshold },
    nodes_modes: { kind: 'strings', values: nodes.mode },
    nodes_truenodeids: { kind: 'ints', values: nodes.left },
    nodes_falsenodeids: { kind: 'ints', values: nodes.right },
    nodes_missing_value_tracks_true: { kind: 'ints', values: nodes.missingLeft },
    [`${prefix}_treeids`]: { kind: 'ints', values: leaves.tree },
    [`${prefix}_nodeids`]: { kind: 'ints', values: leaves.node },
    [`${prefix}_ids`]: { kind: 'ints', values: leaves.output },
    [`${prefix}_weights`]: { kind: 'floats', values: leaves.weight },
    base_values: { kind: 'floats', values: Float32Array.from(model.initial) },
  }
  if (model.objective === 'regression') {
    attributes['n_targets'] = { kind: 'int', value: 1 }
    attributes['aggregate_function'] = { kind: 'string', value: 'SUM' }
    attributes['post_transform'] = { kind: 'string', value: 'NONE' }
  } else {
    const classes = Math.max(2, model.outputs)
    attributes['classlabels_int64s'] = { kind: 'ints', values: Array.from({ length: classes }, (_, k) => k) }
    attributes['post_transform'] = { kind: 'string', value: model.objective === 'binary' ? 'LOGISTIC' : 'SOFTMAX' }
  }
  const operator = model.objective === 'regression' ? 'TreeEnsembleRegressor' : 'TreeEnsembleClassifier'
  return { name: 'trees', operator, domain: 'ai.onnx.ml', inputs: [input], outputs, attributes }
}

function nodeArrays(model: TreeModel) {
  const arrays = {
    tree: [] as number[],
    node: [] as number[],
    feature: [] as number[],
    threshold: [] as number[],
    mode: [] as string[],
    left: [] as number[],
    right: [] as number[],
    missingLeft: [] as number[],
  }
  model.trees.forEach((tree, t) => {
    for (let node = 0; node < tree.feature.length; node++) {
      const inner = tree.feature[node]! >= 0
      arrays.tree.push(t)
      arrays.node.push(node)
      arrays.feature.push(inner ? tree.feature[node]! : 0)
      arrays.threshold.push(inner ? tree.threshold[node]! : 0)
      arrays.mode.push(inner ? 'BRANCH_LEQ' : 'LEAF')
      arrays.left.push(inner ? tree.left[node]! : 0)
      arrays.right.push(inner ? tree.right[node]! : 0)
      arrays.missingLeft.push(inner ? tree.missingLeft[node]! : 0)
    }
  })
  return arrays
}

function leafArrays(model: TreeModel) {
  const arrays = { tree: [] as number[], node: [] as number[], output: [] as number[], weight: [] as number[] }
  model.trees.forEach((tree, t) => {
    for (let node = 0; node < tree.feature.length; node++) {
      if (tree.feature[node]! >= 0) continue
      arrays.tree.push(t)
      arrays.node.push(node)
      arrays.output.push(model.objective === 'binary' ? 0 : t % model.outputs)
      arrays.weight.push(tree.value[node]!)
    }
  })
  return arrays
}

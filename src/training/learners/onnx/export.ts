import { MillraceError } from '../../../platform/errors/index.ts'
import type { CategoryCodes } from '../categories.ts'
import type { TreeModel } from '../trees/model.ts'
import { ElementType, encodeOnnx, type GraphNode, type GraphValue } from './graph.ts'
import { treeEnsembleNode } from './tree-ensemble.ts'

/** The columns of the model in the order that its trees know them: the numeric ones, then the categorical ones as codes. */
export interface ModelColumns {
  readonly numeric: readonly string[]
  readonly categorical: readonly { readonly name: string; readonly codes: CategoryCodes }[]
}

/**
 * An ONNX file (IR 8, opset 17, ai.onnx.ml 3). Inputs: `numeric` float [N, K] and `categorical` string [N, C], each left out where it
 * would be empty. Outputs: `label` int64 [N] and `probabilities` float [N, classes]; of a regression `prediction` float [N, 1].
 * The names of the columns, in order, stand in metadata_props as `millrace.numeric` and `millrace.categorical` (JSON).
 */
export function exportOnnx(model: TreeModel, columns: ModelColumns, name = 'millrace-trees'): Uint8Array {
  const { numeric, categorical } = columns
  if (numeric.length + categorical.length !== model.features) {
    throw new MillraceError('LEARNER_INVALID', `the model has ${model.features} columns, ${numeric.length + categorical.length} names were given`)
  }
  const inputs: GraphValue[] = []
  if (numeric.length > 0) inputs.push({ name: 'numeric', type: ElementType.float, shape: ['N', numeric.length] })
  if (categorical.length > 0) inputs.push({ name: 'categorical', type: ElementType.string, shape: ['N', categorical.length] })
  const encoders = categorical.flatMap((column, i) => encoderNodes(column.codes, i))
  const parts = [...(numeric.length > 0 ? ['numeric'] : []), ...categorical.map((_, i) => `code_${i}`)]
  const joined = parts.length === 1 ? parts[0]! : 'features'
  const concatenate: GraphNode[] =
    parts.length === 1
      ? []
      : [{ name: 'join', operator: 'Concat', domain: '', inputs: parts, outputs: [joined], attributes: { axis: { kind: 'int', value: 1 } } }]
  return encodeOnnx({
    name,
    nodes: [...encoders, ...concatenate, treeEnsembleNode(model, joined, outputsOf(model).map((output) => output.name))],
    inputs,
    outputs: outputsOf(model),
    indices: categorical.map((_, i) => ({ name: `column_${i}`, value: i })),
    metadata: {
      'millrace.numeric': JSON.stringify(numeric),
      'millrace.categorical': JSON.stringify(categorical.map((column) => column.name)),
      'millrace.objective': model.objective,
    },
  })
}

function outputsOf(model: TreeModel): GraphValue[] {
  if (model.objective === 'regression') return [{ name: 'prediction', type: ElementType.float, shape: ['N', 1] }]
  return [
    { name: 'label', type: ElementType.int64, shape: ['N'] },
    { name: 'probabilities', type: ElementType.float, shape: ['N', Math.max(2, model.outputs)] },
  ]
}

function encoderNodes(codes: CategoryCodes, i: number): GraphNode[] {
  // ONNX Runtime refuses a LabelEncoder without keys; a column in which nothing was frequent enough gets one that maps to missing, too.
  const keys = codes.categories.length > 0 ? codes.categories : ['']
  const values = codes.categories.length > 0 ? codes.categories.map((_, code) => code) : [Number.NaN]
  return [
    {
      name: `column_${i}_gather`,
      operator: 'Gather',
      domain: '',
      inputs: ['categorical', `column_${i}`],
      outputs: [`category_${i}`],
      attributes: { axis: { kind: 'int', value: 1 } },
    },
    {
      name: `column_${i}_encode`,
      operator: 'LabelEncoder',
      domain: 'ai.onnx.ml',
      inputs: [`category_${i}`],
      outputs: [`code_${i}`],
      attributes: {
        keys_strings: { kind: 'strings', values: keys },
        values_floats: { kind: 'floats', values },
        default_float: { kind: 'float', value: Number.NaN },
      },
    },
  ]
}

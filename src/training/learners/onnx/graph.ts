import { bytes, concat, float, integer, message, packedFloats, packedIntegers, text, type Field } from './protobuf.ts'

/** The parts of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3) that our models need; numbers are its field numbers. */
export const ElementType = { float: 1, int64: 7, string: 8 } as const

export type AttributeValue =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly values: ArrayLike<number> }
  | { readonly kind: 'floats'; readonly values: ArrayLike<number> }
  | { readonly kind: 'strings'; readonly values: readonly string[] }

const attributeTypes = { float: 1, int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const

export interface GraphNode {
  readonly name: string
  readonly operator: string
  /** '' is ONNX's own operator set. */
  readonly domain: '' | 'ai.onnx.ml'
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
}

export interface GraphValue {
  readonly name: string
  readonly type: (typeof ElementType)[keyof typeof ElementType]
  /** A string is a symbolic dimension. */
  readonly shape: readonly (number | string)[]
}

export interface OnnxModel {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
  /** One-element int64 constants, for Gather. */
  readonly indices: readonly { readonly name: string; readonly value: number }[]
  readonly metadata: Readonly<Record<string, string>>
}

const IR_VERSION = 8
const OPSETS = [
  { domain: '', version: 17 },
  { domain: 'ai.onnx.ml', version: 3 },
]

export function encodeOnnx(model: OnnxModel): Uint8Array {
  const graph: Field[] = [
    ...model.nodes.map((node) => message(1, nodeFields(node))),
    text(2, model.name),
    ...model.indices.map(({ name, value }) => message(5, [integer(1, 1), integer(2, ElementType.int64), packedIntegers(7, [value]), text(8, name)])),
    ...model.inputs.map((value) => message(11, valueFields(value))),
    ...model.outputs.map((value) => message(12, valueFields(value))),
  ]
  return concat([
    integer(1, IR_VERSION),
    text(2, 'millrace'),
    message(7, graph),
    ...OPSETS.map(({ domain, version }) => message(8, [text(1, domain), integer(2, version)])),
    ...Object.entries(model.metadata).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ])
}

function nodeFields(node: GraphNode): Field[] {
  return [
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(3, node.name),
    text(4, node.operator),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => message(5, [text(1, name), ...attributeFields(value), integer(20, attributeTypes[value.kind])])),
    text(7, node.domain),
  ]
}

function attributeFields(attribute: AttributeValue): Field[] {
  switch (attribute.kind) {
    case 'float':
      return [float(2, attribute.value)]
    case 'int':
      return [integer(3, attribute.value)]
    case 'string':
      return [text(4, attribute.value)]
    case 'floats':
      return [packedFloats(7, attribute.values)]
    case 'ints':
      return [packedIntegers(8, attribute.values)]
    case 'strings':
      return attribute.values.map((value) => bytes(9, new TextEncoder().encode(value)))
  }
}

function valueFields(value: GraphValue): Field[] {
  const dimensions = value.shape.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]))
  const tensor = message(1, [integer(1, value.type), message(2, dimensions)])
  return [text(1, value.name), message(2, [tensor])]
}

import protobuf from 'protobufjs/minimal.js'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

/** One field of a protobuf message, as its bytes stood: what is not touched is written back as it was. */
interface Field {
  readonly number: number
  /** Tag and value. */
  readonly whole: Uint8Array
  /** The value of a length-delimited field: bytes, text or a message. */
  readonly inner: Uint8Array | null
}

// Field numbers of onnx/onnx.proto (IR version 10).
const MODEL_GRAPH = 7
const GRAPH_NODE = 1
const GRAPH_OUTPUT = 12
const NODE_INPUT = 1
const NODE_OUTPUT = 2
const NODE_OP_TYPE = 4
const NODE_ATTRIBUTE = 5
const ATTRIBUTE_NAME = 1
const ATTRIBUTE_INTS = 8
const ATTRIBUTE_STRINGS = 9
const LENGTH_DELIMITED = 2
const FLOAT = 1

/**
 * scikit-learn's and LightGBM's converters end a classifier with ZipMap, which makes of its tensor of probabilities [N, classes] a sequence of maps, which
 * onnxruntime-node cannot give back (onnxruntime issue 8007). This puts the tensor itself in its place, under the same name. Returns null where the model has
 * no ZipMap; MODEL_INVALID for bytes that are no ONNX model.
 */
export function withoutZipMap(model: Uint8Array): Uint8Array | null {
  try {
    const fields = readFields(model)
    const graph = fields.find(({ number }) => number === MODEL_GRAPH)?.inner
    const changed = graph && changeGraph(readFields(graph))
    if (!changed) return null
    return Buffer.concat(fields.map((field) => (field.number === MODEL_GRAPH ? message(MODEL_GRAPH, changed) : field.whole)))
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && /wire type|illegal/.test(error.message))) {
      throw new MillraceError('MODEL_INVALID', `the file is no ONNX model: ${errorMessage(error)}`, { cause: error })
    }
    throw error
  }
}

/** By the name of the ZipMap's output, which `withoutZipMap` makes a tensor [N, classes]: its classes, in the order of the columns. */
export function zipMapClasses(model: Uint8Array): ReadonlyMap<string, readonly string[]> {
  const graph = readFields(model).find(({ number }) => number === MODEL_GRAPH)?.inner
  const classes = new Map<string, readonly string[]>()
  for (const field of graph ? readFields(graph) : []) {
    const node = field.number === GRAPH_NODE && field.inner ? readFields(field.inner) : []
    if (textOf(node, NODE_OP_TYPE) === 'ZipMap') classes.set(textOf(node, NODE_OUTPUT) ?? '', classesOf(node))
  }
  return classes
}

function changeGraph(fields: readonly Field[]): Uint8Array | null {
  const classes = new Map<string, number>()
  const changed = fields.map((field): Uint8Array => {
    const node = field.number === GRAPH_NODE && field.inner ? readFields(field.inner) : []
    if (textOf(node, NODE_OP_TYPE) !== 'ZipMap') return field.whole
    const [input = '', output = ''] = [textOf(node, NODE_INPUT), textOf(node, NODE_OUTPUT)]
    classes.set(output, classesOf(node).length)
    return message(GRAPH_NODE, identity(input, output))
  })
  if (classes.size === 0) return null
  return Buffer.concat(
    fields.map((field, i) => {
      const name = field.number === GRAPH_OUTPUT && field.inner ? textOf(readFields(field.inner), 1) : undefined
      const count = name === undefined ? undefined : classes.get(name)
      return name !== undefined && count !== undefined ? message(GRAPH_OUTPUT, floats(name, count)) : (changed[i] ?? field.whole)
    }),
  )
}

/** NodeProto: Identity. */
function identity(input: string, output: string): Uint8Array {
  const writer = protobuf.Writer.create()
  tagged(writer, NODE_INPUT).string(input)
  tagged(writer, NODE_OUTPUT).string(output)
  tagged(writer, NODE_OP_TYPE).string('Identity')
  return writer.finish()
}

/** ValueInfoProto of a float tensor [N, count]. */
function floats(name: string, count: number): Uint8Array {
  const writer = protobuf.Writer.create()
  tagged(writer, 1).string(name)
  // TypeProto { tensor_type: { elem_type, shape: { dim: {dim_param}, dim: {dim_value} } } }
  tagged(writer, 2).fork()
  tagged(writer, 1).fork()
  writer.uint32(1 << 3).int32(FLOAT)
  tagged(writer, 2).fork()
  tagged(tagged(writer, 1).fork(), 2).string('N').ldelim()
  tagged(writer, 1).fork().uint32(1 << 3).int64(count).ldelim()
  return writer.ldelim().ldelim().ldelim().finish()
}

function classesOf(node: readonly Field[]): readonly string[] {
  for (const { number, inner } of node) {
    if (number !== NODE_ATTRIBUTE || !inner) continue
    const attribute = readFields(inner)
    const name = textOf(attribute, ATTRIBUTE_NAME)
    if (name === 'classlabels_strings') return attribute.flatMap(({ number: at, inner: text }) => (at === ATTRIBUTE_STRINGS && text ? [new TextDecoder().decode(text)] : []))
    if (name === 'classlabels_int64s') return integersOf(attribute)
  }
  throw new MillraceError('MODEL_INVALID', 'the model ends in a ZipMap that names no classes')
}

/** Integers stand packed in one field, or each in its own. */
function integersOf(attribute: readonly Field[]): readonly string[] {
  const integers: string[] = []
  for (const { number, inner, whole } of attribute) {
    if (number !== ATTRIBUTE_INTS) continue
    const reader = protobuf.Reader.create(inner ?? whole)
    if (!inner) reader.uint32()
    while (reader.pos < reader.len) integers.push(reader.int64().toString())
  }
  return integers
}

function readFields(bytes: Uint8Array): Field[] {
  const reader = protobuf.Reader.create(bytes)
  const fields: Field[] = []
  while (reader.pos < reader.len) {
    const start = reader.pos
    const tag = reader.uint32()
    const delimited = (tag & 7) === LENGTH_DELIMITED
    const inner = delimited ? reader.bytes() : null
    if (!delimited) reader.skipType(tag & 7)
    fields.push({ number: tag >>> 3, whole: bytes.subarray(start, reader.pos), inner })
  }
  return fields
}

function textOf(fields: readonly Field[], number: number): string | undefined {
  const inner = fields.find((field) => field.number === number)?.inner
  return inner ? new TextDecoder().decode(inner) : undefined
}

function tagged(writer: protobuf.Writer, field: number): protobuf.Writer {
  return writer.uint32((field << 3) | LENGTH_DELIMITED)
}

function message(field: number, bytes: Uint8Array): Uint8Array {
  return tagged(protobuf.Writer.create(), field).bytes(bytes).finish()
}

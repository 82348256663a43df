import type { ColumnSpec } from '../../domain/signature.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { ModelKind } from '../runtime/outputs.ts'
import type { Prediction } from '../runtime/plane.ts'
import type { Protocol } from './protocol.ts'
import { badRequest, describeType, isObject, rowsFromColumns } from './shapes.ts'

type OutputName = 'label' | 'probability' | 'prediction'

const NUMBER_TYPES: ReadonlySet<string> = new Set(['INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'FP16', 'FP32', 'FP64'])
const FIT_ID = /^[\w.:\-/]{1,128}$/

/** The Open Inference Protocol V2 over REST, JSON: each raw column is an input of shape [N] or [N, 1]; an input [N, K] gives columns NAME_0 … */
export const oipProtocol: Protocol = {
  name: 'v2',
  parse: (body, { columns, kind }) => {
    if (!isObject(body)) throw badRequest(`the body is ${describeType(body)}, expected an object with inputs`)
    const { id, inputs, outputs } = body
    if (id !== undefined && typeof id !== 'string') throw badRequest(`id is ${describeType(id)}, expected a string`)
    if (!Array.isArray(inputs) || inputs.length === 0) throw badRequest(`inputs is ${describeType(inputs)}, expected a list of tensors`)
    const known = new Set(columns.map((column) => column.name))
    const lists = inputs.flatMap((input: unknown, i) => readTensor(input, `inputs[${i}]`, known))
    const [first] = lists
    for (const [name, list] of lists) {
      if (list.length !== first?.[1].length) throw badRequest(`input ${name} has ${list.length} rows, input ${first?.[0]} has ${first?.[1].length}`)
    }
    const names = outputsOf(kind, outputs)
    return {
      rows: rowsFromColumns(lists),
      ...(id !== undefined && FIT_ID.test(id) ? { id } : {}),
      present: (prediction, requestId) => present(prediction, names, id ?? requestId),
    }
  },
  refuse: (error) => ({ contentType: 'application/json', body: JSON.stringify({ error: error.message }) }),
}

/** Dimensions of a tensor at most; ONNX Runtime's own kernels stop at eight. */
const MAX_RANK = 8

function readTensor(input: unknown, where: string, known: ReadonlySet<string>): [string, readonly unknown[]][] {
  if (!isObject(input)) throw badRequest(`${where} is ${describeType(input)}, expected a tensor`)
  const { name, shape, datatype, data } = input
  if (typeof name !== 'string') throw badRequest(`${where}.name is ${describeType(name)}, expected a string`)
  if (typeof datatype !== 'string') throw badRequest(`${where} (${name}).datatype is ${describeType(datatype)}, expected a string`)
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > MAX_RANK || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw badRequest(`${where} (${name}).shape: expected a list of sizes`)
  }
  if (!Array.isArray(data)) throw badRequest(`${where} (${name}).data is ${describeType(data)}, expected a list`)
  const sizes: readonly number[] = shape
  const values: readonly unknown[] = data.some(Array.isArray) ? data.flat(sizes.length) : data
  const rows = sizes[0] ?? 0
  const width = sizes.slice(1).reduce((product, size) => product * size, 1)
  if (values.length !== rows * width) throw badRequest(`${where} (${name}) has ${values.length} values, its shape [${sizes.join(', ')}] says ${rows * width}`)
  const read = readerOf(datatype, name, where)
  const typed = values.map(read)
  if (width === 1 && (sizes.length <= 2 || known.has(name))) return [[name, typed]]
  return Array.from({ length: width }, (_, i) => [`${name}_${i}`, Array.from({ length: rows }, (__, row) => typed[row * width + i])])
}

/** A value of the tensor as a row holds it: BOOL may be written 0 and 1. What does not fit the datatype is refused here, null is left to the signature. */
function readerOf(datatype: string, name: string, where: string): (value: unknown) => unknown {
  const refuse = (value: unknown) => new MillraceError('INPUT_INVALID', `${where} (${name}): found ${JSON.stringify(value) ?? typeof value}, expected ${datatype}`)
  if (datatype === 'BOOL') {
    return (value) => {
      if (value === null || typeof value === 'boolean') return value
      if (value === 0 || value === 1) return value === 1
      throw refuse(value)
    }
  }
  const expected = datatype === 'BYTES' ? 'string' : NUMBER_TYPES.has(datatype) ? 'number' : undefined
  if (expected === undefined) throw badRequest(`${where} (${name}).datatype is ${datatype}, expected BOOL, BYTES or one of ${[...NUMBER_TYPES].join(', ')}`)
  return (value) => {
    if (value !== null && typeof value !== expected) throw refuse(value)
    return value
  }
}

function outputNames(kind: ModelKind): readonly OutputName[] {
  return kind === 'classifier' ? ['label', 'probability'] : ['prediction']
}

/** The outputs that are asked for, all where none is named. */
function outputsOf(kind: ModelKind, asked: unknown): readonly OutputName[] {
  const present = outputNames(kind)
  if (asked === undefined || asked === null) return present
  if (!Array.isArray(asked)) throw badRequest(`outputs is ${describeType(asked)}, expected a list`)
  return asked.map((output: unknown, i) => {
    const name = isObject(output) ? output['name'] : undefined
    const known = present.find((candidate) => candidate === name)
    if (known) return known
    throw badRequest(`outputs[${i}].name is ${JSON.stringify(name) ?? 'missing'}, expected one of ${present.join(', ')}`)
  })
}

function present({ model, version, labels, scores }: Prediction, names: readonly OutputName[], id: string): string {
  const shape = [scores.length]
  return JSON.stringify({
    model_name: model,
    model_version: version,
    id,
    outputs: names.map((name) => ({ name, shape, datatype: name === 'label' ? 'INT64' : 'FP64', data: [...(name === 'label' ? labels : scores)] })),
  })
}

const DATATYPES: Readonly<Record<ColumnSpec['type'], string>> = { string: 'BYTES', datetime: 'BYTES', long: 'INT64', double: 'FP64', boolean: 'BOOL' }

/** Model metadata as the protocol gives it. */
export function describeModel(name: string, versions: readonly string[], columns: readonly ColumnSpec[], kind: ModelKind): object {
  return {
    name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: columns.map((column) => ({ name: column.name, datatype: DATATYPES[column.type], shape: [-1], parameters: { required: column.required } })),
    outputs: outputNames(kind).map((output) => ({ name: output, datatype: output === 'label' ? 'INT64' : 'FP64', shape: [-1] })),
  }
}

import type { ColumnSpec } from '../../domain/signature.ts'
import { COLUMN_DATATYPES, type ModelMetadata } from '../protocols/v2/metadata.ts'
import { elementsOf, fixedType } from '../runtime/tensor/datatypes.ts'
import type { TensorInterface, TensorMap } from '../runtime/tensor/session.ts'
import type { TensorSpec } from '../runtime/tensor/spec.ts'
import { type JsonSchema, arrayOf, listOf, object } from './json-schema.ts'
import { isGiven, momentText, valueSchema } from './rows.ts'

type Row = Readonly<Record<string, unknown>>

const SIZE: JsonSchema = { type: 'integer', minimum: 0 }
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER)
/** The largest numbers that a half and a single float hold. */
const FLOATS: Readonly<Record<string, number>> = { FP16: 65504, FP32: 3.4028234663852886e38 }

/** An element in JSON; of whole numbers those within 2^53, since most clients round others. */
function elementSchema(datatype: string): JsonSchema {
  const type = fixedType(datatype)
  if (!type) return { type: 'string' }
  if (type.kind === 'bool') return { type: 'boolean' }
  const limit = FLOATS[datatype]
  if (type.kind === 'float') return { type: 'number', ...(limit === undefined ? {} : { minimum: -limit, maximum: limit }) }
  const [least, most] = type.range ?? [-LARGEST, LARGEST]
  return { type: 'integer', minimum: Number(least < -LARGEST ? -LARGEST : least), maximum: Number(most > LARGEST ? LARGEST : most) }
}

interface TensorForm {
  readonly name: string
  readonly datatype: string
  readonly shape: JsonSchema
  readonly element: JsonSchema
  readonly description: string
}

function tensorSchema({ name, datatype, shape, element, description }: TensorForm): JsonSchema {
  const data = arrayOf({ anyOf: [element, { type: 'array' }] }, { description: 'Row-major, flat or nested' })
  return object({ name: { const: name }, datatype: { const: datatype }, shape, data }, ['name', 'datatype', 'shape', 'data'], { title: name, description })
}

function inputOf({ name, datatype, shape }: TensorSpec): JsonSchema {
  return tensorSchema({ name, datatype, shape: sizes(shape), element: elementSchema(datatype), description: 'Another datatype is converted where every value fits' })
}

/** JSON has no NaN and no infinities: null stands for them. */
function outputOf({ name, datatype, shape }: TensorSpec): JsonSchema {
  const element = fixedType(datatype)?.kind === 'float' ? { type: ['number', 'null'] } : elementSchema(datatype)
  // An ONNX file need not say how many dimensions an output has.
  const known = shape.length === 0 ? {} : { minItems: shape.length, maxItems: shape.length, description: shown(shape) }
  return object({ name: { const: name }, datatype: { const: datatype }, shape: arrayOf(SIZE, known), data: arrayOf(element) }, ['name', 'datatype', 'shape', 'data'], { title: name })
}

/** Of a column as a tensor. */
function columnOf(column: ColumnSpec): JsonSchema {
  const { name, type, required } = column
  const element = type === 'datetime' ? valueSchema({ ...column, type: 'string' }) : valueSchema(column)
  const description = required ? 'The column, a value for each row' : 'The column, a value for each row; may be left out'
  return tensorSchema({ name, datatype: COLUMN_DATATYPES[type], shape: arrayOf(SIZE, { minItems: 1, maxItems: 2, description: '[N] or [N, 1]' }), element, description })
}

function sizes(shape: readonly number[]): JsonSchema {
  return listOf(shape.map((size) => (size === -1 ? SIZE : { const: size })), { description: shown(shape) })
}

/** -1 stands for a size that is free, as in V2's metadata. */
function shown(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** The body of `/infer`: a model's own tensors, or the columns that it is asked by. */
export function inferSchema(asked: { readonly tensors: TensorInterface } | { readonly columns: readonly ColumnSpec[] }, outputs: ModelMetadata['outputs']): JsonSchema {
  const inputs = 'tensors' in asked ? asked.tensors.inputs.map(inputOf) : [...asked.columns.filter(({ required }) => required), ...asked.columns.filter(({ required }) => !required)].map(columnOf)
  const optional = 'tensors' in asked ? 0 : asked.columns.filter(({ required }) => !required).length
  const output = object({ name: { enum: outputs.map(({ name }) => name) }, parameters: { type: 'object' } }, ['name'])
  return object(
    {
      id: { type: 'string' },
      parameters: { type: 'object' },
      inputs: { ...listOf(inputs, { optional: Math.min(optional, inputs.length - 1) }), description: 'In any order' },
      outputs: arrayOf(output, { description: 'All of them where this is left out' }),
    },
    ['inputs'],
  )
}

export function inferredSchema(outputs: ModelMetadata['outputs']): JsonSchema {
  const each = { anyOf: outputs.map(outputOf) }
  return object({ model_name: { type: 'string' }, model_version: { type: 'string' }, id: { type: 'string' }, outputs: arrayOf(each) }, ['model_name', 'model_version', 'id', 'outputs'])
}

export function tensorsExample(tensors: TensorMap): unknown {
  return { inputs: [...tensors].map(([name, { datatype, shape, data }]) => ({ name, datatype, shape, data: elementsOf(data, datatype).map((value) => (typeof value === 'bigint' ? Number(value) : value)) })) }
}

export function columnsExample(columns: readonly ColumnSpec[], row: Row): unknown {
  const value = ({ name, type }: ColumnSpec): unknown => (type === 'datetime' ? momentText(row[name]) : row[name])
  return { inputs: columns.flatMap((column) => (isGiven(row[column.name]) ? [{ name: column.name, datatype: COLUMN_DATATYPES[column.type], shape: [1], data: [value(column)] }] : [])) }
}

/** A row's values by the inputs that take them side by side, for `sampleTensors`. */
export function nestedRow({ inputs }: TensorInterface, columns: readonly ColumnSpec[], row: Row): Row {
  let next = 0
  return Object.fromEntries(
    inputs.map(({ name, shape }) => {
      const values = columns.slice(next, (next += shape[1] ?? 1)).map((column) => row[column.name])
      return [name, shape.length === 1 ? values : [values]]
    }),
  )
}

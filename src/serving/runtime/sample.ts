import type { ColumnSpec, RowValidator } from '../../domain/signature.ts'
import { convert } from './tensor/convert.ts'
import { fixedType } from './tensor/datatypes.ts'
import type { TensorInterface, TensorMap } from './tensor/session.ts'
import type { TensorSpec } from './tensor/spec.ts'
import { type TensorValue, countOf } from './tensor/value.ts'

type Row = Readonly<Record<string, unknown>>

interface Rows {
  readonly columns: readonly ColumnSpec[]
  readonly validate: RowValidator
}

/** A row that the model takes: the one that it was logged with, else one of nothings. */
export function sampleRow(model: Rows, example: Row | null): Row {
  return exampleRow(model, example) ?? nothingsOf(model.columns)
}

/** The row that the model was logged with, required columns that it lacks being nothings. Null where there is none, or it does not fit the signature. */
export function exampleRow({ columns, validate }: Rows, example: Row | null): Row | null {
  const row = example && { ...nothingsOf(columns.filter(({ required }) => required)), ...example }
  return row && validate(row).length === 0 ? row : null
}

function nothingsOf(columns: readonly ColumnSpec[]): Row {
  return Object.fromEntries(columns.map(({ name, type }) => [name, NEUTRAL[type]]))
}

const NEUTRAL: Readonly<Record<ColumnSpec['type'], unknown>> = { string: '', boolean: false, datetime: '2013-01-01T00:00:00Z', long: 0, double: 0 }

/**
 * Tensors of the shapes that the model takes: those that it was logged with (by the name of each input, or under `inputs` where it has one) where they fit, else zeros, false and empty text,
 * dimensions that are free 1.
 */
export function sampleTensors({ inputs }: TensorInterface, example: Row | null): TensorMap {
  return new Map(inputs.map((spec) => [spec.name, given(spec, example?.[spec.name] ?? (inputs.length === 1 ? example?.['inputs'] : undefined)) ?? nothings(spec)]))
}

function nothings({ datatype, shape: sizes }: TensorSpec): TensorValue {
  const shape = sizes.map((size) => Math.abs(size))
  const data = fixedType(datatype)?.make(countOf(shape)) ?? Array.from({ length: countOf(shape) }, () => '')
  return { datatype, shape, data }
}

function given({ name, datatype, shape: expected }: TensorSpec, value: unknown): TensorValue | null {
  const shape: number[] = []
  for (let level = value; Array.isArray(level); level = level[0]) shape.push(level.length)
  if (shape.length !== expected.length || !expected.every((size, i) => size === -1 || size === shape[i])) return null
  const values: readonly unknown[] = Array.isArray(value) ? value.flat(shape.length - 1) : [value]
  try {
    return values.length === countOf(shape) && values.length > 0 ? { datatype, shape, data: convert(values, datatype, name) } : null
  } catch {
    return null
  }
}

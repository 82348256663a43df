import { MillraceError } from '../../../platform/errors/index.ts'
import { badRequest, describeType, isObject } from '../shapes.ts'
import { decodeBinary, isNumberType, refuseDatatype } from './datatypes.ts'
import { type RawTensors, binarySize, parametersOf } from './request.ts'

/** Dimensions of a tensor at most; ONNX Runtime's own kernels stop at eight. */
const MAX_RANK = 8

/** The columns that one tensor gives: itself for shape [N] or [N, 1], NAME_0 … NAME_K-1 for [N, K]. */
export function readTensor(input: unknown, where: string, known: ReadonlySet<string>, raw: RawTensors): [string, readonly unknown[]][] {
  if (!isObject(input)) throw badRequest(`${where} is ${describeType(input)}, expected a tensor`)
  const { name, shape, datatype, data } = input
  if (typeof name !== 'string') throw badRequest(`${where}.name is ${describeType(name)}, expected a string`)
  const named = `${where} (${name})`
  if (typeof datatype !== 'string') throw badRequest(`${named}.datatype is ${describeType(datatype)}, expected a string`)
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > MAX_RANK || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw badRequest(`${named}.shape: expected a list of sizes`)
  }
  const sizes: readonly number[] = shape
  const rows = sizes[0] ?? 0
  const width = sizes.slice(1).reduce((product, size) => product * size, 1)
  const size = binarySize(parametersOf(input, `${named}.`), named)
  if (size !== undefined && data !== undefined) throw badRequest(`${named} has both data and parameters.binary_data_size, expected one of them`)
  const values = size === undefined ? fromJson(data, sizes, datatype, named) : decodeBinary(raw.take(size, named), datatype, rows * width, named)
  if (width === 1 && (sizes.length <= 2 || known.has(name))) return [[name, values]]
  return Array.from({ length: width }, (_, i) => [`${name}_${i}`, Array.from({ length: rows }, (__, row) => values[row * width + i])])
}

function fromJson(data: unknown, sizes: readonly number[], datatype: string, where: string): readonly unknown[] {
  if (!Array.isArray(data)) throw badRequest(`${where}.data is ${describeType(data)}, expected a list`)
  const values: readonly unknown[] = data.some(Array.isArray) ? data.flat(sizes.length) : data
  const count = sizes.reduce((product, size) => product * size, 1)
  if (values.length !== count) throw badRequest(`${where} has ${values.length} values, its shape [${sizes.join(', ')}] says ${count}`)
  return values.map(readerOf(datatype, where))
}

/** A value of the tensor as a row holds it: BOOL may be written 0 and 1. What does not fit the datatype is refused here, null is left to the signature. */
function readerOf(datatype: string, where: string): (value: unknown) => unknown {
  const refuse = (value: unknown) => new MillraceError('INPUT_INVALID', `${where}: found ${JSON.stringify(value) ?? typeof value}, expected ${datatype}`)
  if (datatype === 'BOOL') {
    return (value) => {
      if (value === null || typeof value === 'boolean') return value
      if (value === 0 || value === 1) return value === 1
      throw refuse(value)
    }
  }
  const expected = datatype === 'BYTES' ? 'string' : isNumberType(datatype) ? 'number' : undefined
  if (expected === undefined) throw refuseDatatype(where, datatype)
  return (value) => {
    if (value !== null && typeof value !== expected) throw refuse(value)
    return value
  }
}

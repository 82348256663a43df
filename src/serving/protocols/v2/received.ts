import type { MillraceError } from '../../../platform/errors/index.ts'
import type { TensorData } from '../../runtime/tensor/datatypes.ts'
import { fixedType } from '../../runtime/tensor/datatypes.ts'
import { badRequest, describeType, isObject } from '../shapes.ts'
import { decodeBinary, refuseDatatype } from './elements.ts'
import { type RawTensors, binarySize, parametersOf } from './request.ts'

/** Dimensions of a tensor at most; ONNX Runtime's own kernels stop at eight. */
const MAX_RANK = 8
/** Of a tensor without elements: what its sizes other than 0 may come to. */
const MOST_BESIDE_NONE = 2 ** 22

/** What a request says of a tensor beside its elements. */
export interface DescribedTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  /** How errors name it. */
  readonly where: string
}

/** A tensor of a request, before anyone asked what the model takes. */
export interface ReceivedTensor extends DescribedTensor {
  /** Raw, in the tensor's datatype; or as JSON had it, flat, with its text where that is known. */
  readonly data: { readonly raw: TensorData } | { readonly json: readonly unknown[]; readonly text?: string }
}

/** Elements as JSON has them: as text, with commas between, and read. */
export interface ElementsText {
  readonly text: string
  readonly values: readonly unknown[]
}

/** The same of a tensor whose elements are read apart from it, with how many its shape says there are. */
export interface FramedTensor extends DescribedTensor {
  readonly count: number
}

export function receiveTensor(input: unknown, at: string, raw: RawTensors): ReceivedTensor {
  if (!isObject(input)) throw badRequest(`${at} is ${describeType(input)}, expected a tensor`)
  const { data } = input
  const described = describeTensor(input, at)
  const { datatype, shape, where } = described
  const count = elementsSaid(shape, where)
  const size = binarySize(parametersOf(input, `${where}.`), where)
  if (size !== undefined && data !== undefined) throw bothWays(where)
  if (size !== undefined && datatype === 'BYTES') raw.texts.add(size, where)
  return { ...described, data: size === undefined ? { json: flatten(data, shape, count, where) } : { raw: decodeBinary(raw.take(size, where), datatype, count, where) } }
}

/** A frame has `data`, so there are no raw ones. */
export function describeFramed(input: unknown, at: string): FramedTensor {
  if (!isObject(input)) throw badRequest(`${at} is ${describeType(input)}, expected a tensor`)
  const described = describeTensor(input, at)
  const { shape, where } = described
  if (binarySize(parametersOf(input, `${where}.`), where) !== undefined) throw bothWays(where)
  return { ...described, count: elementsSaid(shape, where) }
}

export function receiveFramed({ name, datatype, shape, where, count }: FramedTensor, { values, text }: ElementsText): ReceivedTensor {
  refuseCount(values.length, shape, count, where)
  return { name, datatype, shape, where, data: { json: values, text } }
}

function bothWays(where: string): MillraceError {
  return badRequest(`${where} has both data and parameters.binary_data_size, expected one of them`)
}

function refuseCount(found: number, sizes: readonly number[], count: number, where: string): void {
  if (found !== count) throw badRequest(`${where} has ${found} values, its shape [${sizes.join(', ')}] says ${count}`)
}

/** Name, datatype and shape of a tensor, in whatever form its elements come. */
export function describeTensor({ name, shape, datatype }: Readonly<Record<string, unknown>>, at: string): DescribedTensor {
  if (typeof name !== 'string') throw badRequest(`${at}.name is ${describeType(name)}, expected a string`)
  const where = `${at} (${name})`
  if (typeof datatype !== 'string') throw badRequest(`${where}.datatype is ${describeType(datatype)}, expected a string`)
  if (datatype !== 'BYTES' && !fixedType(datatype)) throw refuseDatatype(where, datatype)
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw badRequest(`${where}.shape: expected a list of sizes`)
  }
  return { name, datatype, shape, where }
}

/**
 * How many elements a shape says. What there are is counted against it; a tensor of none has nothing to be counted, and sizes beside its 0 that no tensor has would
 * be made room for by whatever takes that 0 out: a column for each, or a model that sums over the axis.
 */
export function elementsSaid(shape: readonly number[], where: string): number {
  let count = 1
  for (let i = 0; i < shape.length; i++) count *= shape[i]!
  if (count === 0 && shape.reduce((product, size) => product * Math.max(1, size), 1) > MOST_BESIDE_NONE) {
    throw badRequest(`${where}.shape is [${shape.join(', ')}]: expected no more than ${MOST_BESIDE_NONE} for its other sizes, multiplied, where one is 0`)
  }
  return count
}

function flatten(data: unknown, sizes: readonly number[], count: number, where: string): readonly unknown[] {
  if (!Array.isArray(data)) throw badRequest(`${where}.data is ${describeType(data)}, expected a list`)
  const values: readonly unknown[] = data.some(Array.isArray) ? data.flat(sizes.length) : data
  refuseCount(values.length, sizes, count, where)
  return values
}

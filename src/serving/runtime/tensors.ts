import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { MillraceError } from '../../platform/errors/index.ts'

/** One input of an ONNX model: a column, or `width` columns side by side. */
export interface InputTensor {
  readonly name: string
  readonly type: Tensor.Type
  readonly width: number
  /** Dimensions without the first: `[]` for shape [N]. */
  readonly rank: 1 | 2
  /** Rows of one run at most: 1 where the model was exported with a batch axis of 1. */
  readonly batch: number
}

type Fill = (values: Float64Array, strings: readonly string[], rows: number) => Tensor.DataType
type TensorMaker = new (type: Tensor.Type, data: Tensor.DataType, dims: readonly number[]) => Tensor

const NUMBER_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const

type NumberType = keyof typeof NUMBER_ARRAYS

/** `columns`: how many a signature has for the only input; they count where the shape [N, ?] does not say it. MODEL_INVALID for an input that rows cannot fill. */
export function describeInput(meta: InferenceSession.ValueMetadata, columns?: number): InputTensor {
  if (!meta.isTensor) throw new MillraceError('MODEL_INVALID', `input ${meta.name} is no tensor`)
  const { name, type, shape } = meta
  if (type !== 'string' && type !== 'int64' && !(type in NUMBER_ARRAYS)) {
    throw new MillraceError('MODEL_INVALID', `input ${name} has type ${type}, which cannot be filled from JSON`)
  }
  const [first, written] = shape
  const second = typeof written === 'number' ? written : columns
  if (shape.length === 0 || shape.length > 2 || (shape.length === 2 && typeof second !== 'number') || (typeof first === 'number' && first !== 1)) {
    throw new MillraceError('MODEL_INVALID', `input ${name} has shape [${shape.join(', ')}], expected [N], [N, K] or [1, K]`)
  }
  return {
    name,
    type,
    width: typeof second === 'number' ? second : 1,
    rank: shape.length === 2 ? 2 : 1,
    batch: typeof first === 'number' ? 1 : Number.POSITIVE_INFINITY,
  }
}

/** Makes the tensor of one input from a batch of encoded rows. Its memory is used again for the next batch. */
export interface TensorFiller {
  readonly input: InputTensor
  tensor(values: Float64Array, strings: readonly string[], rows: number): Tensor
}

/**
 * `at` is the input's first column in an encoded row of numbers (`stride` of them a row), or of strings.
 */
export function createFiller(input: InputTensor, at: number, stride: number, make: TensorMaker): TensorFiller {
  const { name, type, width, rank } = input
  const fill: Fill =
    type === 'string'
      ? (_values, strings, rows) => pick(strings, rows, at, width, stride)
      : type === 'int64'
        ? bigintFill(at, width, stride)
        : type in NUMBER_ARRAYS
          ? numberFill(type as NumberType, at, width, stride)
          : refuse(name)
  return { input, tensor: (values, strings, rows) => new make(type, fill(values, strings, rows), rank === 1 ? [rows] : [rows, width]) }
}

function refuse(name: string): never {
  throw new MillraceError('MODEL_INVALID', `input ${name} cannot be filled`)
}

function pick(strings: readonly string[], rows: number, at: number, width: number, stride: number): string[] {
  const picked: string[] = []
  for (let row = 0; row < rows; row++) for (let i = 0; i < width; i++) picked.push(strings[row * stride + at + i] ?? '')
  return picked
}

function numberFill(type: NumberType, at: number, width: number, stride: number): Fill {
  const make = NUMBER_ARRAYS[type]
  let memory = new make(width * 64)
  return (values, _strings, rows) => {
    const length = rows * width
    if (memory.length < length) memory = new make(length * 2)
    for (let row = 0, to = 0; row < rows; row++) {
      const from = row * stride + at
      for (let i = 0; i < width; i++) memory[to++] = values[from + i]!
    }
    return memory.subarray(0, length)
  }
}

function bigintFill(at: number, width: number, stride: number): Fill {
  return (values, _strings, rows) => {
    const data = new BigInt64Array(rows * width)
    for (let row = 0, to = 0; row < rows; row++) {
      for (let i = 0; i < width; i++) {
        const value = values[row * stride + at + i]!
        data[to++] = Number.isNaN(value) ? 0n : BigInt(Math.trunc(value))
      }
    }
    return data
  }
}

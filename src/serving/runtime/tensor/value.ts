import { type NumberData, type TensorData, fixedType, isText } from './datatypes.ts'

export interface TensorValue {
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: TensorData
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The tensors one after the other along the first axis. All have the same datatype and the same other dimensions. */
export function concatenate(values: readonly TensorValue[]): TensorValue {
  const [first] = values
  if (!first || values.length === 1) return first ?? { datatype: 'FP32', shape: [0], data: new Float32Array(0) }
  const rows = values.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0)
  const shape = [rows, ...first.shape.slice(1)]
  const type = fixedType(first.datatype)
  if (!type) return { datatype: first.datatype, shape, data: values.flatMap(({ data }) => (isText(data) ? data : [])) }
  const all = type.make(countOf(shape))
  const bytes = bytesOf(all)
  let at = 0
  for (const { data } of values) {
    if (isText(data)) continue
    const part = bytesOf(data)
    bytes.set(part, at)
    at += part.length
  }
  return { datatype: first.datatype, shape, data: all }
}

/** Rows [from, to) along the first axis; shares the memory. */
export function slice({ datatype, shape, data }: TensorValue, from: number, to: number): TensorValue {
  const width = countOf(shape.slice(1))
  const part = isText(data) ? data.slice(from * width, to * width) : data.subarray(from * width, to * width)
  return { datatype, shape: [to - from, ...shape.slice(1)], data: part }
}

export function bytesOf(data: NumberData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

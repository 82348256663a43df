import { type NumberData, type TensorData, elementsOf, fixedType, isText } from './datatypes.ts'

export interface TensorValue {
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: TensorData
  /** The elements as JSON writes them, with commas between, where that is known already: as they came, or as `withJson` wrote them for all who need them. */
  readonly json?: string | undefined
}

export function countOf(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** The value with its elements in JSON, which costs more than all else that is done with a small tensor. As it is where JSON has no word for one of them, or none that all readers take. */
export function withJson(value: TensorValue): TensorValue {
  const { datatype, data } = value
  if (value.json !== undefined) return value
  // Whole numbers of 64 bits are text in one place and digits in another.
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return value
  let json = ''
  for (const element of elementsOf(data, datatype)) {
    if (typeof element === 'number' && !Number.isFinite(element)) return value
    json += `${json === '' ? '' : ','}${typeof element === 'string' ? JSON.stringify(element) : String(element)}`
  }
  return { ...value, json }
}

/** The tensors one after the other along the first axis. All have the same datatype and the same other dimensions. */
export function concatenate(values: readonly TensorValue[]): TensorValue {
  const [first] = values
  if (!first || values.length === 1) return first ?? { datatype: 'FP32', shape: [0], data: new Float32Array(0) }
  let rows = 0
  for (const { shape } of values) rows += shape[0] ?? 0
  const shape = [rows, ...first.shape.slice(1)]
  const type = fixedType(first.datatype)
  if (!type) return { datatype: first.datatype, shape, data: values.flatMap(({ data }) => (isText(data) ? data : [])) }
  const all = type.make(countOf(shape))
  if (all instanceof Float32Array) {
    // The most common by far, without two views for each value.
    let at = 0
    for (const { data } of values) {
      if (!(data instanceof Float32Array)) continue
      all.set(data, at)
      at += data.length
    }
    return { datatype: first.datatype, shape, data: all }
  }
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
export function slice(value: TensorValue, from: number, to: number): TensorValue {
  const { datatype, shape, data } = value
  if (from === 0 && to === shape[0]) return value
  const width = countOf(shape.slice(1))
  const part = isText(data) ? data.slice(from * width, to * width) : data.subarray(from * width, to * width)
  return { datatype, shape: [to - from, ...shape.slice(1)], data: part }
}

export function bytesOf(data: NumberData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Numbers as ONNX Runtime holds them: half floats by their bits, booleans as 0 and 1. */
export type NumberData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array

/** Elements of a tensor, row-major. */
export type TensorData = NumberData | readonly string[]

export function isText(data: TensorData): data is readonly string[] {
  return Array.isArray(data)
}

/** A datatype of the Open Inference Protocol V2 (specification/protocol/inference_rest.md, Tensor Data Types), other than BYTES. */
export interface FixedType {
  /** Of one element. */
  readonly bytes: 1 | 2 | 4 | 8
  readonly onnx: 'float32' | 'float64' | 'float16' | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'bool'
  readonly kind: 'float' | 'integer' | 'bool'
  readonly make: (from: number | ArrayBuffer) => NumberData
  /** What an integer may be. */
  readonly range?: readonly [bigint, bigint]
}

const range = (signed: boolean, bits: bigint): readonly [bigint, bigint] => (signed ? [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n] : [0n, 2n ** bits - 1n])
const array = <T>(type: new (from: number | ArrayBuffer) => T) => (from: number | ArrayBuffer): T => new type(from)

const FIXED: Readonly<Record<string, FixedType>> = {
  BOOL: { bytes: 1, onnx: 'bool', kind: 'bool', make: array(Uint8Array) },
  INT8: { bytes: 1, onnx: 'int8', kind: 'integer', make: array(Int8Array), range: range(true, 8n) },
  INT16: { bytes: 2, onnx: 'int16', kind: 'integer', make: array(Int16Array), range: range(true, 16n) },
  INT32: { bytes: 4, onnx: 'int32', kind: 'integer', make: array(Int32Array), range: range(true, 32n) },
  INT64: { bytes: 8, onnx: 'int64', kind: 'integer', make: array(BigInt64Array), range: range(true, 64n) },
  UINT8: { bytes: 1, onnx: 'uint8', kind: 'integer', make: array(Uint8Array), range: range(false, 8n) },
  UINT16: { bytes: 2, onnx: 'uint16', kind: 'integer', make: array(Uint16Array), range: range(false, 16n) },
  UINT32: { bytes: 4, onnx: 'uint32', kind: 'integer', make: array(Uint32Array), range: range(false, 32n) },
  UINT64: { bytes: 8, onnx: 'uint64', kind: 'integer', make: array(BigUint64Array), range: range(false, 64n) },
  FP16: { bytes: 2, onnx: 'float16', kind: 'float', make: array(Uint16Array) },
  FP32: { bytes: 4, onnx: 'float32', kind: 'float', make: array(Float32Array) },
  FP64: { bytes: 8, onnx: 'float64', kind: 'float', make: array(Float64Array) },
}

const BY_ONNX: ReadonlyMap<string, string> = new Map([...Object.entries(FIXED).map(([datatype, { onnx }]) => [onnx, datatype] as const), ['string', 'BYTES']])

export const DATATYPES: readonly string[] = [...Object.keys(FIXED), 'BYTES']

/** undefined for BYTES, and for what is no datatype. */
export function fixedType(datatype: string): FixedType | undefined {
  return Object.hasOwn(FIXED, datatype) ? FIXED[datatype] : undefined
}

/** The datatype of an ONNX element type; undefined where the protocol has none. */
export function datatypeOfOnnx(onnx: string): string | undefined {
  return BY_ONNX.get(onnx)
}

/** The elements as JSON has them: numbers (of any size), booleans, text. */
export function elementsOf(data: TensorData, datatype: string): readonly (number | bigint | boolean | string)[] {
  if (isText(data)) return data
  if (datatype === 'BOOL') return Array.from<number | bigint, boolean>(data, (value) => value !== 0)
  if (datatype === 'FP16') return Array.from(new Float16Array(data.buffer, data.byteOffset, data.length))
  // A loop: the iterator that Array.from goes through costs thirty times as much.
  const elements: (number | bigint)[] = []
  for (let i = 0; i < data.length; i++) elements.push(data[i] ?? 0)
  return elements
}

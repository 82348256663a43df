import { MillraceError } from '../../../platform/errors/index.ts'

/** The tensor data types of the Open Inference Protocol V2 (specification/protocol/inference_rest.md, Tensor Data Types), and how the binary extension lays them out. */
interface NumberType {
  readonly bytes: 1 | 2 | 4 | 8
  readonly read: (view: DataView, at: number) => number | bigint
  readonly write: (view: DataView, at: number, value: number) => void
}

const little = true

const NUMBER_TYPES: Readonly<Record<string, NumberType>> = {
  INT8: { bytes: 1, read: (view, at) => view.getInt8(at), write: (view, at, value) => view.setInt8(at, value) },
  INT16: { bytes: 2, read: (view, at) => view.getInt16(at, little), write: (view, at, value) => view.setInt16(at, value, little) },
  INT32: { bytes: 4, read: (view, at) => view.getInt32(at, little), write: (view, at, value) => view.setInt32(at, value, little) },
  INT64: { bytes: 8, read: (view, at) => view.getBigInt64(at, little), write: (view, at, value) => view.setBigInt64(at, BigInt(value), little) },
  UINT8: { bytes: 1, read: (view, at) => view.getUint8(at), write: (view, at, value) => view.setUint8(at, value) },
  UINT16: { bytes: 2, read: (view, at) => view.getUint16(at, little), write: (view, at, value) => view.setUint16(at, value, little) },
  UINT32: { bytes: 4, read: (view, at) => view.getUint32(at, little), write: (view, at, value) => view.setUint32(at, value, little) },
  UINT64: { bytes: 8, read: (view, at) => view.getBigUint64(at, little), write: (view, at, value) => view.setBigUint64(at, BigInt(value), little) },
  FP16: { bytes: 2, read: (view, at) => view.getFloat16(at, little), write: (view, at, value) => view.setFloat16(at, value, little) },
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, little), write: (view, at, value) => view.setFloat32(at, value, little) },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, little), write: (view, at, value) => view.setFloat64(at, value, little) },
}
const DATATYPES = ['BOOL', 'BYTES', ...Object.keys(NUMBER_TYPES)]
const LENGTH_BYTES = 4

export function isNumberType(datatype: string): boolean {
  return Object.hasOwn(NUMBER_TYPES, datatype)
}

export function refuseDatatype(where: string, datatype: string): MillraceError {
  return new MillraceError('BAD_REQUEST', `${where}.datatype is ${datatype}, expected one of ${DATATYPES.join(', ')}`)
}

/**
 * The `count` elements of a tensor in the binary extension's layout (triton-inference-server/server: docs/protocol/extension_binary_data.md): little-endian and
 * row-major, BOOL as one byte, BYTES each with its length in four bytes before it. BAD_REQUEST where the bytes are not exactly as many as that takes.
 */
export function decodeBinary(bytes: Buffer, datatype: string, count: number, where: string): unknown[] {
  if (datatype === 'BYTES') return decodeStrings(bytes, count, where)
  const type = NUMBER_TYPES[datatype]
  const size = datatype === 'BOOL' ? 1 : type?.bytes
  if (size === undefined) throw refuseDatatype(where, datatype)
  if (bytes.length !== count * size) throw new MillraceError('BAD_REQUEST', `${where} has ${bytes.length} bytes, ${count} × ${datatype} take ${count * size}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: unknown[] = []
  for (let i = 0; i < count; i++) values.push(type ? narrow(type.read(view, i * size), where) : view.getUint8(i) !== 0)
  return values
}

/** Rows hold numbers: whole ones beyond 2^53 would come out as others. */
function narrow(value: number | bigint, where: string): number {
  const number = Number(value)
  if (typeof value === 'bigint' && !Number.isSafeInteger(number)) throw new MillraceError('INPUT_INVALID', `${where}: found ${value}, expected a whole number within ±(2^53 − 1)`)
  return number
}

function decodeStrings(bytes: Buffer, count: number, where: string): string[] {
  const values: string[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at + LENGTH_BYTES
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw new MillraceError('BAD_REQUEST', `${where}: element ${i} ends beyond the ${bytes.length} bytes of the tensor`)
    values.push(bytes.toString('utf8', start, end))
    at = end
  }
  if (at !== bytes.length) throw new MillraceError('BAD_REQUEST', `${where} has ${bytes.length} bytes, its ${count} elements take ${at}`)
  return values
}

/** Numbers in the binary extension's layout. */
export function encodeBinary(values: Float64Array, datatype: 'INT64' | 'FP64'): Buffer {
  const type = NUMBER_TYPES[datatype]
  if (!type) throw new RangeError(datatype)
  const bytes = Buffer.allocUnsafe(values.length * type.bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < values.length; i++) type.write(view, i * type.bytes, values[i]!)
  return bytes
}

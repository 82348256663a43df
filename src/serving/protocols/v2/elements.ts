import { isUtf8 } from 'node:buffer'
import { MillraceError } from '../../../platform/errors/index.ts'
import { DATATYPES, type FixedType, type TensorData, elementsOf, fixedType } from '../../runtime/tensor/datatypes.ts'
import { badRequest } from '../shapes.ts'

const LENGTH_BYTES = 4

export function refuseDatatype(where: string, datatype: string): MillraceError {
  return badRequest(`${where}.datatype is ${datatype}, expected one of ${DATATYPES.join(', ')}`)
}

/**
 * The `count` elements of a tensor in the binary extension's layout (triton-inference-server/server: docs/protocol/extension_binary_data.md): little-endian, as every
 * machine is that Node's releases run on, and row-major; BOOL as one byte, BYTES each with its length in four bytes before it. BAD_REQUEST where the bytes are not
 * exactly as many as that takes.
 */
export function decodeBinary(bytes: Buffer, datatype: string, count: number, where: string): TensorData {
  if (datatype === 'BYTES') return decodeStrings(bytes, count, where)
  const type = fixedType(datatype)
  if (!type) throw refuseDatatype(where, datatype)
  if (bytes.length !== count * type.bytes) throw badRequest(`${where} has ${bytes.length} bytes, ${count} × ${datatype} take ${count * type.bytes}`)
  // A copy: a view must begin at a multiple of the element's size, and must not keep the whole body.
  return type.make(new Uint8Array(bytes).buffer)
}

function decodeStrings(bytes: Buffer, count: number, where: string): string[] {
  const values: string[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at + LENGTH_BYTES
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY
    if (end > bytes.length) throw badRequest(`${where}: element ${i} ends beyond the ${bytes.length} bytes of the tensor`)
    values.push(textOf(bytes.subarray(start, end), `${where}: element ${i}`))
    at = end
  }
  if (at !== bytes.length) throw badRequest(`${where} has ${bytes.length} bytes, its ${count} elements take ${at}`)
  return values
}

/** INPUT_INVALID for bytes that are no UTF-8: ONNX Runtime holds strings as text, so they would come out as others. */
export function textOf(bytes: Buffer, where: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw new MillraceError('INPUT_INVALID', `${where} is no UTF-8, which is all that a string of a model can hold`)
}

export function encodeStrings(values: readonly string[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const text = Buffer.from(value)
      const length = Buffer.allocUnsafe(LENGTH_BYTES)
      length.writeUInt32LE(text.length)
      return Buffer.concat([length, text])
    }),
  )
}

/** As rows hold them: numbers, of which whole ones beyond 2^53 would come out as others. */
export function rowValues(data: TensorData, datatype: string, where: string): readonly unknown[] {
  return elementsOf(data, datatype).map((value) => {
    if (typeof value !== 'bigint') return value
    if (Number.isSafeInteger(Number(value))) return Number(value)
    throw new MillraceError('INPUT_INVALID', `${where}: found ${value}, expected a whole number within ±(2^53 − 1)`)
  })
}

/** Elements given as JSON, or in another datatype, in the one that the model takes. INPUT_INVALID for a value that it cannot hold. */
export function convert(values: readonly unknown[], datatype: string, where: string): TensorData {
  const refuse = (value: unknown): MillraceError => {
    const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? typeof value)
    return new MillraceError('INPUT_INVALID', `${where}: found ${shown}, expected ${datatype}`)
  }
  const type = fixedType(datatype)
  if (!type) {
    return values.map((value) => {
      if (typeof value === 'string') return value
      throw refuse(value)
    })
  }
  const data = type.make(values.length)
  const target = datatype === 'FP16' ? new Float16Array(data.buffer) : data
  const read = READERS[type.kind]
  for (let i = 0; i < values.length; i++) {
    const value = read(values[i], type)
    if (value === undefined) throw refuse(values[i])
    if (target instanceof BigInt64Array || target instanceof BigUint64Array) target[i] = BigInt(value)
    else target[i] = Number(value)
  }
  return data
}

/** undefined for what does not fit. */
const READERS: Readonly<Record<FixedType['kind'], (value: unknown, type: FixedType) => number | bigint | undefined>> = {
  float: (value, { bytes }) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
    const number = Number(value)
    const held = bytes === 8 ? number : bytes === 4 ? Math.fround(number) : Math.f16round(number)
    return Number.isFinite(number) && !Number.isFinite(held) ? undefined : number
  },
  integer: (value, { range: [least, most] = [0n, 0n] }) => {
    const whole = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined
    if (whole === undefined) return undefined
    return whole < least || whole > most ? undefined : whole
  },
  bool: (value) => (value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined),
}

import { isUtf8 } from 'node:buffer'
import { MillraceError } from '../../../platform/errors/index.ts'
import { DATATYPES, type TensorData, elementsOf, fixedType } from '../../runtime/tensor/datatypes.ts'
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

import { invalid } from '../../mlflow/errors.ts'

/** One field of a protobuf message (https://protobuf.dev/programming-guides/encoding/): number and value, not yet interpreted. */
export type Field = readonly [number: number, value: bigint | Uint8Array]

/**
 * The fields of a message in their order. Varints and fixed-width values are bigints of 64 bits without sign; what has a length is bytes, without a copy.
 * Throws BAD_REQUEST where the message ends in the middle of a field, or uses groups.
 */
export function* fieldsOf(message: Uint8Array): Iterable<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0
  const need = (bytes: number): number => {
    if (at + bytes > message.length) throw malformed(`it ends after ${message.length} bytes in the middle of a field`)
    at += bytes
    return at - bytes
  }
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[need(1)] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw malformed('a varint is longer than ten bytes')
  }
  while (at < message.length) {
    const tag = varint()
    const number = Number(tag >> 3n)
    switch (Number(tag & 7n)) {
      case 0:
        yield [number, varint()]
        break
      case 1:
        yield [number, view.getBigUint64(need(8), true)]
        break
      case 2: {
        const length = varint()
        if (length > BigInt(message.length)) throw malformed(`a field claims ${length} bytes of ${message.length}`)
        const start = need(Number(length))
        yield [number, message.subarray(start, start + Number(length))]
        break
      }
      case 5:
        yield [number, BigInt(view.getUint32(need(4), true))]
        break
      default:
        throw malformed(`field ${number} has the wire type ${tag & 7n}`)
    }
  }
}

export function bytesOf(value: Field[1]): Uint8Array {
  if (typeof value === 'bigint') throw malformed('found a number, expected bytes')
  return value
}

export function textOf(value: Field[1]): string {
  return Buffer.from(bytesOf(value)).toString('utf8')
}

export function numberOf(value: Field[1]): bigint {
  if (typeof value !== 'bigint') throw malformed('found bytes, expected a number')
  return value
}

/** The double whose bits a fixed64 field holds. */
export function doubleOf(value: Field[1]): number {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setBigUint64(0, numberOf(value))
  return bits.getFloat64(0)
}

function malformed(why: string): Error {
  return invalid(`Invalid OpenTelemetry format: the protobuf message is malformed: ${why}`)
}

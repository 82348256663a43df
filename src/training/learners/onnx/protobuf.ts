/**
 * Just enough of Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding/) to write an ONNX file:
 * every function returns one field, tag included; a message is the concatenation of its fields.
 */
export type Field = Uint8Array

const VARINT = 0
const BYTES = 2
const FIXED32 = 5

const encoder = new TextEncoder()

function varint(value: number | bigint): number[] {
  // Negative int64 values travel as their 64-bit two's complement.
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

function smallVarint(value: number, into: number[]): void {
  let rest = value
  while (rest > 0x7f) {
    into.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  into.push(rest)
}

function tag(field: number, wire: number): number[] {
  return varint(field * 8 + wire)
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function integer(field: number, value: number | bigint): Field {
  return Uint8Array.from([...tag(field, VARINT), ...varint(value)])
}

export function float(field: number, value: number): Field {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return concat([Uint8Array.from(tag(field, FIXED32)), bytes])
}

export function bytes(field: number, value: Uint8Array): Field {
  return concat([Uint8Array.from([...tag(field, BYTES), ...varint(value.length)]), value])
}

export function text(field: number, value: string): Field {
  return bytes(field, encoder.encode(value))
}

export function message(field: number, fields: readonly Field[]): Field {
  return bytes(field, concat(fields))
}

export function packedFloats(field: number, values: ArrayLike<number>): Field {
  const packed = new Uint8Array(values.length * 4)
  const view = new DataView(packed.buffer)
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i]!, true)
  return bytes(field, packed)
}

/** Non-negative integers below 2^31. */
export function packedIntegers(field: number, values: ArrayLike<number>): Field {
  const packed: number[] = []
  for (let i = 0; i < values.length; i++) smallVarint(values[i]!, packed)
  return bytes(field, Uint8Array.from(packed))
}

import type { ServiceDefinition } from '@grpc/grpc-js'
import { MillraceError } from '../../platform/errors/index.ts'

/** How the numbers of a field stand on the wire: one after the other in one piece, or each by itself. */
type Numbers = 'varint32' | 'varint64' | 'fixed32' | 'fixed64'

/** The fields of a message that are looked into, by their numbers; those that are only bytes count for what they are. */
interface Shape {
  /** The highest number that has a meaning. */
  readonly last: number
  /** May have as many bytes as the message. */
  readonly raw?: number
  readonly nested?: Readonly<Record<number, Shape>>
  readonly numbers?: Readonly<Record<number, Numbers>>
}

/** As open_inference.proto has them. */
const CONTENTS: Shape = { last: 8, numbers: { 1: 'varint32', 2: 'varint32', 3: 'varint64', 4: 'varint32', 5: 'varint64', 6: 'fixed32', 7: 'fixed64' } }
const INPUT: Shape = { last: 5, nested: { 5: CONTENTS }, numbers: { 3: 'varint64' } }
const OUTPUT: Shape = { last: 2 }
const SHAPES: Readonly<Record<string, Shape>> = { ModelInfer: { last: 7, raw: 7, nested: { 5: INPUT, 6: OUTPUT } } }
/** Of the other calls: all may stand there in any form. */
const ANY: Shape = { last: 0 }

const WIRE: Readonly<Record<Numbers, number>> = { varint32: 0, varint64: 0, fixed32: 5, fixed64: 1 }
const BYTES: Readonly<Record<Numbers, number>> = { varint32: 1, varint64: 1, fixed32: 4, fixed64: 8 }

/** What a part of a message counts for at least, in bytes: a field that is text, bytes or a message, one of the messages that are looked into, and a number among many. */
const FIELD = 16
const MESSAGE = 64
const NUMBER = 4

/**
 * The service with messages bounded before they are decoded: what two bytes can say (a tensor, a text, eight truths) takes hundreds in memory. Raw tensors may have as many bytes as the message;
 * everything else `most` together, counted for what it will take at least. A message beyond that is decoded to an error, BODY_TOO_LARGE.
 */
export function boundedService(service: ServiceDefinition, most: number): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => {
      const { requestDeserialize: decode } = method
      return [name, { ...method, requestDeserialize: (bytes: Buffer) => refusal(bytes, SHAPES[name] ?? ANY, most) ?? decode(bytes) }]
    }),
  )
}

function refusal(bytes: Buffer, shape: Shape, most: number): MillraceError | undefined {
  const cost = new Cost(bytes, most)
  cost.message(0, bytes.length, shape)
  if (cost.broken) return new MillraceError('BAD_REQUEST', 'the message is not written as protobuf writes it')
  if (cost.left >= 0) return undefined
  return new MillraceError('BODY_TOO_LARGE', `what of the message is not in raw_input_contents counts for more than ${most} bytes: a tensor for ${MESSAGE} at least, a text for ${FIELD}, a number for ${NUMBER}`)
}

/**
 * Walks over protobuf's wire format, and finds broken what no encoder writes and the decoder would read in another way than this walk does: it trusts that a field has
 * the form that its message's description gives it, and that a part ends within the whole.
 */
class Cost {
  readonly #bytes: Buffer
  left: number
  broken = false
  #at = 0

  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes
    this.left = most
  }

  message(from: number, to: number, shape: Shape): void {
    this.#at = from
    while (this.#at < to && this.left >= 0 && !this.broken) {
      const key = this.#varint()
      const field = key >>> 3
      const wire = key & 7
      if (wire === 2) {
        const length = this.#varint()
        const start = this.#at
        const end = start + length
        if (end > to) return this.#break()
        this.#field(field, start, end, shape)
        this.#at = end
      } else {
        const numbers = shape.numbers?.[field]
        if (numbers === undefined ? field <= shape.last : WIRE[numbers] !== wire) return this.#break()
        if (wire === 0) this.#varint()
        else if (wire === 1) this.#at += 8
        else if (wire === 5) this.#at += 4
        else return this.#break()
        this.left -= NUMBER
      }
    }
    if (this.#at > to) this.#break()
  }

  #break(): void {
    this.broken = true
  }

  #field(field: number, from: number, to: number, { raw, nested, numbers }: Shape): void {
    const inner = nested?.[field]
    const packed = numbers?.[field]
    if (inner) {
      this.left -= MESSAGE
      this.message(from, to, inner)
    } else if (packed) this.left -= Math.max(FIELD, to - from, NUMBER * this.#count(packed, from, to))
    else this.left -= field === raw ? FIELD : Math.max(FIELD, to - from)
  }

  /** How many numbers stand there. */
  #count(numbers: Numbers, from: number, to: number): number {
    const size = BYTES[numbers]
    if (size > 1) {
      if ((to - from) % size !== 0) this.#break()
      return (to - from) / size
    }
    let count = 0
    let length = 0
    for (let i = from; i < to; i++) {
      length++
      if (this.#bytes[i]! >= 0x80) continue
      if (length > LONGEST || (numbers === 'varint32' && !isLength32(length))) this.#break()
      count++
      length = 0
    }
    if (length > 0) this.#break()
    return count
  }

  /** The lower 32 bits. */
  #varint(): number {
    let value = 0
    for (let length = 1; length <= LONGEST; length++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) break
      if (length <= 5) value += (byte & 0x7f) * 2 ** (7 * (length - 1))
      if (byte >= 0x80) continue
      if (!isLength32(length)) break
      return value % 2 ** 32
    }
    this.#break()
    return 0
  }
}

const LONGEST = 10

/** Of a number of 32 bits the decoder takes five bytes or ten: a negative one is written with 64. */
function isLength32(length: number): boolean {
  return length <= 5 || length === LONGEST
}

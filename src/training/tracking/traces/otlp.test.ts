import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../../platform/errors/index.ts'
import { fromJson, parse, toProtoJson } from './any-value.ts'
import { decodeOtlp } from './otlp.ts'

const PROTOBUF = 'application/x-protobuf'

/** A field with a length, as protobuf writes it. */
function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 128)
  }
}

function fixed64(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return Buffer.concat([varint((number << 3) | 1), bytes])
}

const ID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const span = Buffer.concat([
  field(1, ID), field(2, ID.subarray(8)), field(5, 'größe'), fixed64(7, 1_767_225_601_500_000_001n), fixed64(8, 1_767_225_601_750_000_000n),
  field(9, Buffer.concat([field(1, 'rate'), field(2, Buffer.concat([Buffer.from([0x21]), Buffer.from(new Float64Array([1]).buffer)]))])),
  field(9, Buffer.concat([field(1, 'list'), field(2, field(5, Buffer.concat([field(1, Buffer.from([0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])), field(1, Buffer.from([0x10, 1]))])))])),
  field(15, Buffer.concat([field(2, 'bad'), Buffer.from([0x18, 2])])),
])
const message = field(1, field(2, field(2, span)))

test('a span comes out of protobuf with its exact times and typed attributes', () => {
  const [one] = decodeOtlp(message, PROTOBUF, '')
  assert.equal(one?.traceId, ID.toString('hex'))
  assert.deepEqual([one?.name, one?.startNs, one?.endNs, one?.status, one?.message, one?.parentId], ['größe', '1767225601500000001', '1767225601750000000', 'ERROR', 'bad', null])
  assert.deepEqual(one?.attributes, { rate: '1.0', list: '[-1,true]' })
  assert.deepEqual(decodeOtlp(gzipSync(message), PROTOBUF, 'gzip'), [one])
})

test('whatever the bytes, they are decoded or refused, and nothing else happens', () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.tuple(fc.nat(message.length - 1), fc.nat(255)).map(([at, byte]) => Uint8Array.from(message, (old, i) => (i === at ? byte : old))), fc.nat(message.length).map((length) => message.subarray(0, length)))
  fc.assert(
    fc.property(bytes, (given) => {
      try {
        decodeOtlp(Buffer.from(given), PROTOBUF, '')
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'BAD_REQUEST', String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('a small body that unpacks into a huge one is refused', () => {
  assert.throws(() => decodeOtlp(gzipSync(Buffer.alloc(70 * 1024 * 1024)), PROTOBUF, 'gzip'), { code: 'BODY_TOO_LARGE' })
  assert.throws(() => decodeOtlp(message, PROTOBUF, 'gzip'), { code: 'BAD_REQUEST' })
  assert.throws(() => decodeOtlp(message, PROTOBUF, 'zstd'), { code: 'BAD_REQUEST' })
})

test('values of attributes come back as they were given', () => {
  const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string().map((stringValue) => ({ stringValue })),
      fc.boolean().map((boolValue) => ({ boolValue })),
      fc.maxSafeInteger().map((int) => ({ intValue: String(int) })),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((doubleValue) => ({ doubleValue })),
      fc.array(tie('value'), { maxLength: 4 }).map((values) => ({ arrayValue: { values } })),
    ),
  })).value
  fc.assert(
    fc.property(value, (given) => {
      const text = fromJson(given)
      const again = fromJson(toProtoJson(text))
      assert.deepEqual(parse(again), parse(text))
    }),
  )
  assert.deepEqual(toProtoJson(fromJson({ doubleValue: 2 })), { double_value: 2 })
  assert.deepEqual(toProtoJson(fromJson({ intValue: '9007199254740993' })), { int_value: '9007199254740993' })
  assert.deepEqual(toProtoJson(fromJson({ doubleValue: 'NaN' })), { double_value: 'NaN' })
})

test('lists within lists end somewhere', () => {
  let deep: object = { stringValue: 'x' }
  for (let i = 0; i < 5000; i++) deep = { arrayValue: { values: [deep] } }
  assert.match(fromJson(deep), /^\[+null\]+$/)
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type ServiceDefinition, loadSync } from '@grpc/proto-loader'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { boundedService } from './bounds.ts'

const MOST = 4096
const definition = loadSync(join(import.meta.dirname, 'open_inference.proto'), { keepCase: true, longs: String, defaults: true, oneofs: true })
const service = definition['inference.GRPCInferenceService'] as ServiceDefinition
const method = boundedService(service, MOST)['ModelInfer']
assert.ok(method)
const decode = (bytes: Buffer): unknown => method.requestDeserialize(bytes)
const codeOf = (bytes: Buffer): string | undefined => {
  const decoded = decode(bytes)
  return decoded instanceof MillraceError ? decoded.code : undefined
}

/** A field of text, bytes or a message. */
const part = (field: number, bytes: Buffer | string): Buffer => {
  const inner = Buffer.from(bytes)
  assert.ok(inner.length < 128)
  return Buffer.concat([Buffer.from([(field << 3) | 2, inner.length]), inner])
}

describe('messages of gRPC are looked through before they are decoded', () => {
  const numbers = { bool_contents: [true, false], int_contents: [-1, 2147483647], int64_contents: ['-1', '9223372036854775807'], uint_contents: [4294967295], uint64_contents: ['18446744073709551615'], fp32_contents: [1.5], fp64_contents: [0.1], bytes_contents: [Buffer.from('x')] }

  test('one that an encoder wrote is decoded as it is, whatever it holds', () => {
    const message = {
      model_name: 'm',
      parameters: { timeout: { int64_param: '-5' } },
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['9007199254740991', '1'], parameters: { a: { double_param: 1 } }, contents: numbers }],
      outputs: [{ name: 'y' }],
      raw_input_contents: [Buffer.alloc(100_000)],
    }
    const bytes = method.requestSerialize(message)
    assert.deepEqual(decode(bytes), service['ModelInfer']?.requestDeserialize(bytes))
    assert.partialDeepStrictEqual(decode(bytes), { model_name: 'm', inputs: [{ contents: { int_contents: [-1, 2147483647], uint64_contents: ['18446744073709551615'] } }] })
  })

  const COSTLY: readonly [string, object][] = [
    ['tensors', { inputs: Array.from({ length: 65 }, () => ({})) }],
    ['outputs', { outputs: Array.from({ length: 65 }, () => ({})) }],
    ['raw tensors', { raw_input_contents: Array.from({ length: 257 }, () => Buffer.alloc(0)) }],
    ['texts', { inputs: [{ contents: { bytes_contents: Array.from({ length: 257 }, () => Buffer.alloc(0)) } }] }],
    ['truths', { inputs: [{ contents: { bool_contents: Array.from({ length: 1025 }, () => true) } }] }],
    ['whole numbers', { inputs: [{ contents: { int64_contents: Array.from({ length: 1025 }, () => '0') } }] }],
    ['sizes', { inputs: [{ shape: Array.from({ length: 1025 }, () => '0') }] }],
    ['a long name', { model_name: 'x'.repeat(4097) }],
  ]
  for (const [name, message] of COSTLY) test(`too much of ${name}: BODY_TOO_LARGE`, () => assert.equal(codeOf(method.requestSerialize(message)), 'BODY_TOO_LARGE'))

  const contents = (bytes: Buffer): Buffer => part(5, part(5, bytes))
  const BROKEN: readonly [string, Buffer][] = [
    ['a tensor that is written as a number', Buffer.from([5 << 3, 2, 0x0a, 0])],
    ['a truth that is written as a double', contents(Buffer.concat([Buffer.from([(1 << 3) | 1]), Buffer.alloc(8)]))],
    ['a double that is written as a number', contents(Buffer.from([7 << 3, 0]))],
    ['a length of six bytes', Buffer.from([(7 << 3) | 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0])],
    ['a tensor that is longer than the message', Buffer.from([(5 << 3) | 2, 10, 0])],
    ['contents that are longer than their tensor', part(5, Buffer.from([(5 << 3) | 2, 4, 0]))],
    ['half a double', contents(part(7, Buffer.alloc(12)))],
    ['a whole number without an end', contents(part(3, Buffer.from([0x80])))],
    ['a truth of six bytes', contents(part(1, Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0])))],
    ['a group', Buffer.from([(20 << 3) | 3, (20 << 3) | 4].flatMap((key) => [(key & 0x7f) | 0x80, key >> 7]))],
  ]
  for (const [name, bytes] of BROKEN) test(`${name}: BAD_REQUEST`, () => assert.equal(codeOf(bytes), 'BAD_REQUEST'))

  test('whatever comes, what is decoded has no more parts than were paid for', () => {
    const bytes = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 8, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42, 0x80, 0xff), fc.nat(255)), { maxLength: 200 })
    fc.assert(
      fc.property(bytes, (made) => {
        let decoded: unknown
        try {
          decoded = decode(Buffer.from(made))
        } catch (error) {
          // Broken in a way that the decoder tells.
          assert.ok(error instanceof Error)
          return
        }
        if (decoded instanceof MillraceError) return
        const text = JSON.stringify(decoded)
        assert.ok((text.match(/datatype/g)?.length ?? 0) <= MOST / 64)
      }),
      { numRuns: 2000 },
    )
  })
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { FIXTURES } from '../../testing.ts'
import { convert } from '../../runtime/tensor/convert.ts'
import { DATATYPES, elementsOf, fixedType, isText } from '../../runtime/tensor/datatypes.ts'
import { type TensorInterface, interfaceOf, openSession, runSession } from '../../runtime/tensor/session.ts'
import { bytesOf } from '../../runtime/tensor/value.ts'
import { encodeStrings } from './elements.ts'
import { v2Protocol } from './index.ts'

const SINGLE = fc.float({ noNaN: true, noDefaultInfinity: true })
const VALUES: Readonly<Record<string, fc.Arbitrary<number | bigint | boolean | string>>> = {
  BYTES: fc.string({ unit: 'grapheme' }),
  BOOL: fc.boolean(),
  FP64: fc.double({ noNaN: true, noDefaultInfinity: true }),
  FP32: SINGLE,
  FP16: fc.double({ min: -65504, max: 65504, noNaN: true }).map(Math.f16round),
}

/** Whole numbers as JSON can carry them; the raw form carries all 64 bits. */
function integers(datatype: string, raw: boolean): fc.Arbitrary<number | bigint> {
  const [least, most] = fixedType(datatype)?.range ?? [0n, 0n]
  if (raw) return fc.bigInt(least, most)
  const clamp = (value: bigint) => (value > 2n ** 53n - 1n ? 2n ** 53n - 1n : value < -(2n ** 53n) + 1n ? -(2n ** 53n) + 1n : value)
  return fc.bigInt(clamp(least), clamp(most)).map(Number)
}

describe('a model’s own tensors', () => {
  for (const datatype of DATATYPES) {
    for (const raw of [false, true]) {
      test(`${datatype}, ${raw ? 'raw' : 'as JSON'}, go through the model and come back as they were`, async () => {
        const session = await openSession(join(FIXTURES, 'identity', `${datatype}.onnx`))
        const tensors = interfaceOf(session)
        assert.deepEqual(tensors.inputs, [{ name: 'x', datatype, shape: [-1, 2] }])
        const row = fc.tuple(VALUES[datatype] ?? integers(datatype, raw), VALUES[datatype] ?? integers(datatype, raw))
        await fc.assert(
          fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
            const values = rows.flat()
            const data = convert(values, datatype, 'x')
            const bytes = Buffer.from(isText(data) ? encodeStrings(data) : bytesOf(data))
            const shape = [rows.length, 2]
            const input = raw ? { name: 'x', datatype, shape, parameters: { binary_data_size: bytes.length } } : { name: 'x', datatype, shape, data: rows }
            const head = Buffer.from(JSON.stringify({ id: 'seven', inputs: [input], parameters: { binary_data_output: raw } }))
            const parsed = await v2Protocol.parse(
              { bytes: raw ? Buffer.concat([head, bytes]) : head, headers: raw ? { 'inference-header-content-length': String(head.length) } : {}, maxRows: 5 },
              { tensors, rows: null, batch: 1, get byRows(): never { throw new Error('not by rows') } },
            )
            assert.ok('tensors' in parsed)
            const outputs = await runSession(session, parsed.tensors, parsed.fetch)
            const answer = parsed.present({ model: 'm', version: '1', outputs }, 'id')
            if (typeof answer === 'string') {
              const [output] = JSON.parse(answer).outputs
              assert.deepEqual(output, { name: 'y', shape, datatype, data: JSON.parse(JSON.stringify(values)) })
            } else {
              const length = Number(answer.headers[answer.headers.indexOf('Inference-Header-Content-Length') + 1])
              assert.equal(answer.body.subarray(length).compare(bytes), 0)
            }
          }),
          { numRuns: 25 },
        )
        await session.release()
      })
    }
  }

  test('whole numbers of 64 bits keep all their digits in JSON, on the first request and on the next', async () => {
    const shape: TensorInterface = { inputs: [{ name: 'x', datatype: 'UINT64', shape: [-1] }], outputs: [{ name: 'y', datatype: 'UINT64', shape: [-1] }] }
    const model = { tensors: shape, rows: null, batch: 1, get byRows(): never { throw new Error('not by rows') } }
    for (const digits of ['18446744073709551615', '9007199254740993', '12', '18446744073709551614']) {
      const parsed = await v2Protocol.parse({ bytes: Buffer.from(`{"inputs":[{"name":"x","datatype":"UINT64","shape":[2],"data":[${digits},0]}]}`), headers: {}, maxRows: 1000 }, model)
      assert.ok('tensors' in parsed)
      assert.deepEqual(parsed.tensors.get('x')?.data, new BigUint64Array([BigInt(digits), 0n]))
      assert.match(String(parsed.present({ model: 'm', version: '1', outputs: new Map([['y', { datatype: 'UINT64', shape: [1], data: new BigUint64Array([BigInt(digits)]) }]]) }, 'id')), new RegExp(`\\[${digits}\\]`))
    }
    const beyond = Buffer.from('{"inputs":[{"name":"x","datatype":"UINT64","shape":[1],"data":[18446744073709551616]}]}')
    assert.throws(() => v2Protocol.parse({ bytes: beyond, headers: {}, maxRows: 1000 }, model), { code: 'INPUT_INVALID', message: /found 18446744073709551616, expected UINT64/ })
  })

  const UNFIT: readonly [string, string, unknown][] = [
    ['a number that the integer cannot hold', 'INT8', 128],
    ['a negative number for an unsigned one', 'UINT32', -1],
    ['a fraction for an integer', 'INT64', 1.5],
    ['a number beyond the float', 'FP32', 1e39],
    ['a number beyond the half float', 'FP16', 70_000],
    ['a number for text', 'BYTES', 7],
    ['text for a number', 'FP64', '7'],
    ['nothing', 'FP32', null],
    ['two for a truth', 'BOOL', 2],
  ]
  for (const [name, datatype, value] of UNFIT) {
    test(`${name} is refused, not bent`, () => assert.throws(() => convert([value], datatype, 'inputs[0] (x)'), { code: 'INPUT_INVALID', message: /inputs\[0\] \(x\): found .*, expected / }))
  }

  test('a tensor of another datatype is converted where it fits', () => {
    assert.deepEqual(elementsOf(convert([1n, 2n], 'FP32', 'x'), 'FP32'), [1, 2])
    assert.deepEqual(elementsOf(convert([1, 2], 'INT64', 'x'), 'INT64'), [1n, 2n])
  })
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { FIXTURES } from '../../testing.ts'
import { convert } from '../../runtime/tensor/convert.ts'
import { DATATYPES, elementsOf, fixedType, isText } from '../../runtime/tensor/datatypes.ts'
import { type TensorInterface, interfaceOf, openSession, runSession } from '../../runtime/tensor/session.ts'
import { bytesOf } from '../../runtime/tensor/value.ts'
import { columnsOf } from './columns.ts'
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

  const takes = (datatype: string) => ({ tensors: { inputs: [{ name: 'x', datatype, shape: [-1] }], outputs: [] }, rows: null, batch: 1, get byRows(): never { throw new Error('not by rows') } })
  const given = async (model: string, input: object, raw?: Buffer) => {
    const head = Buffer.from(JSON.stringify({ inputs: [{ name: 'x', ...input, ...(raw ? { parameters: { binary_data_size: raw.length } } : {}) }] }))
    const headers = raw ? { 'inference-header-content-length': String(head.length) } : {}
    const parsed = await v2Protocol.parse({ bytes: Buffer.concat([head, raw ?? Buffer.alloc(0)]), headers, maxRows: 1000 }, takes(model))
    assert.ok('tensors' in parsed)
    const { datatype = '', data = [] } = parsed.tensors.get('x') ?? {}
    assert.equal(datatype, model)
    return elementsOf(data, datatype)
  }

  const MISDECLARED: readonly [string, string, string, unknown][] = [
    ['a fraction', 'INT64', 'FP32', 5.1],
    ['what a byte cannot hold', 'INT8', 'FP32', 500],
    ['a negative number', 'UINT8', 'FP32', -1],
    ['a number', 'BOOL', 'FP32', 5.1],
    ['a truth', 'FP32', 'FP64', true],
    ['a truth', 'FP64', 'BOOL', true],
    ['a number beyond 64 bits', 'UINT64', 'FP32', 2 ** 65],
    ['a negative number', 'UINT64', 'INT64', -1],
    ['text', 'FP32', 'BYTES', 'a'],
    ['text', 'BYTES', 'FP32', '5.1'],
    ['a truth', 'BOOL', 'BYTES', true],
  ]
  for (const [name, datatype, model, value] of MISDECLARED) {
    test(`${name} in a tensor that says it is of ${datatype} is refused, also where the model takes ${model}`, async () => {
      const sent = { datatype, shape: [1], data: [value] }
      await assert.rejects(async () => given(model, sent), { code: 'INPUT_INVALID', message: /inputs\[0\] \(x\): found .*, expected / })
    })
  }

  const CONVERTED: readonly [string, string, readonly unknown[], readonly unknown[]][] = [
    ['INT64', 'FP32', [5, -1], [5, -1]],
    ['INT64', 'FP64', [2 ** 60, -(2 ** 63)], [2 ** 60, -(2 ** 63)]],
    ['UINT8', 'INT64', [255, 0], [255n, 0n]],
    ['BOOL', 'FP32', [true, false, 1, 0], [1, 0, 1, 0]],
    ['BOOL', 'FP16', [true, false], [1, 0]],
    ['BOOL', 'INT64', [true, false], [1n, 0n]],
    ['INT8', 'BOOL', [1, 0], [true, false]],
    ['FP64', 'FP32', [0.5, 1e30], [0.5, Math.fround(1e30)]],
    ['FP32', 'FP64', [0.1], [Math.fround(0.1)]],
    ['FP16', 'FP32', [0.1], [Math.f16round(0.1)]],
  ]
  for (const [datatype, model, values, expected] of CONVERTED) {
    test(`${datatype} is taken by a model of ${model}, as JSON and raw alike`, async () => {
      assert.deepEqual(await given(model, { datatype, shape: [values.length], data: values }), expected)
      const data = convert(values.map((value) => (fixedType(datatype)?.range && typeof value === 'number' ? BigInt(value) : value)), datatype, 'x')
      assert.ok(!isText(data))
      assert.deepEqual(await given(model, { datatype, shape: [values.length] }, Buffer.from(bytesOf(data))), expected)
    })
  }

  test('any whole number of 64 bits is one of INT64 to a model of floats, however JSON.parse bends it', async () => {
    const parsed = await v2Protocol.parse({ bytes: Buffer.from('{"inputs":[{"name":"x","datatype":"INT64","shape":[2],"data":[9223372036854775807,-9223372036854775808]}]}'), headers: {}, maxRows: 1000 }, takes('FP64'))
    assert.ok('tensors' in parsed)
    assert.deepEqual(parsed.tensors.get('x')?.data, new Float64Array([2 ** 63, -(2 ** 63)]))
  })

  test('a column is refused whole numbers beyond 2^53, whose digits came as they were sent', () => {
    const tensor = { name: 'a', datatype: 'INT64', shape: [1], where: 'inputs[0] (a)', data: { json: [2n ** 53n + 1n] } }
    assert.throws(() => columnsOf([tensor], [{ name: 'a', type: 'long', required: true }], 10), { code: 'INPUT_INVALID', message: 'inputs[0] (a): found 9007199254740993, expected INT64' })
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

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import type { Mask } from '../../journal/mask.ts'
import { FIXTURES } from '../../testing.ts'
import { readArtifact } from '../artifact.ts'
import { LoadedModel } from '../model.ts'
import { convert } from './convert.ts'
import { createTensorLineWriter } from './journal-line.ts'
import { type TensorValue, withJson } from './value.ts'

const BASE = { model: 'm "1"', version: '2', alias: 'champion', role: 'champion', mask: null, columns: new Map() } as const
const value = (datatype: string, values: readonly unknown[]): TensorValue => ({ datatype, shape: [values.length], data: convert(values, datatype, 'x') })
const mask = (dropped: readonly string[], hashed: readonly string[] = []): Mask => ({ dropped: new Set(dropped), hashed: new Set(hashed), hash: (one) => `hash of ${String(one)}` })
const record = (line: string) => JSON.parse(`${line}}`)

describe('the line of a request by tensors', () => {
  test('is JSON that says what went in and came out, 64 bits and infinities as text', () => {
    const write = createTensorLineWriter(BASE)
    const inputs = new Map([['a "b"', value('FP32', [1.5, Number.POSITIVE_INFINITY])], ['n', value('INT64', [2n ** 60n])]])
    assert.deepEqual(record(write('id-1', 7, inputs, new Map([['y', value('BYTES', ['Ω', '"'])]]), ',"caller":"me"')), {
      id: 'id-1',
      row: 0,
      model: 'm "1"',
      version: '2',
      alias: 'champion',
      role: 'champion',
      time: 7,
      tensors: {
        inputs: { 'a "b"': { datatype: 'FP32', shape: [2], data: [1.5, 'Infinity'] }, n: { datatype: 'INT64', shape: [1], data: [String(2n ** 60n)] } },
        outputs: { y: { datatype: 'BYTES', shape: [2], data: ['Ω', '"'] } },
      },
      caller: 'me',
    })
  })

  test('is the same whether the text of the elements was known before or is made for it', () => {
    const write = createTensorLineWriter(BASE)
    const kinds: Readonly<Record<string, fc.Arbitrary<unknown>>> = { FP64: fc.double(), FP32: fc.float(), INT32: fc.integer(), BOOL: fc.boolean(), BYTES: fc.string({ unit: 'grapheme' }), INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }
    for (const [datatype, element] of Object.entries(kinds)) {
      fc.assert(
        fc.property(fc.array(element, { maxLength: 8 }), (values) => {
          const tensor = value(datatype, values)
          const line = (one: TensorValue) => write('id', 0, new Map([['x', one]]), new Map(), '')
          assert.equal(line(withJson(tensor)), line(tensor))
          record(line(tensor))
        }),
        { numRuns: 50 },
      )
    }
  })

  test('keeps a masked tensor by hash or by shape alone, whatever text it came with', () => {
    const write = createTensorLineWriter({ ...BASE, mask: mask(['a'], ['b']) })
    const tensors = new Map(['a', 'b', 'c'].map((name) => [name, withJson(value('FP32', [1, 2]))]))
    const { tensors: kept, masked } = record(write('id', 0, tensors, new Map(), ''))
    assert.deepEqual(kept.inputs, {
      a: { datatype: 'FP32', shape: [2] },
      b: { datatype: 'FP32', shape: [2], data: ['hash of 1', 'hash of 2'] },
      c: { datatype: 'FP32', shape: [2], data: [1, 2] },
    })
    assert.deepEqual(masked, ['a', 'b'])
  })

  test('does not hold a masked column in plain where the model’s own tensor holds it among others', async () => {
    const model = await LoadedModel.load('sklearn', '1', readArtifact(join(FIXTURES, 'sklearn')))
    const held = model.rows?.inputs.held ?? new Map()
    const [[tensor, columns] = ['', []]] = held
    assert.ok(columns.length > 1, 'the model has a tensor of several columns')
    const x = { datatype: 'FP32', shape: [1, columns.length], data: Float32Array.from(columns, (_, i) => i), json: columns.map((_: string, i: number) => i).join() }
    const line = (one: Mask | null) => record(createTensorLineWriter({ ...BASE, mask: one, columns: held })('id', 0, new Map([[tensor, x]]), new Map(), ''))
    for (const one of [mask([columns[1] ?? '']), mask([], [columns[0] ?? ''])]) {
      assert.deepEqual(line(one).tensors.inputs[tensor], { datatype: 'FP32', shape: x.shape })
      assert.deepEqual(line(one).masked, [tensor])
    }
    assert.equal(line(mask(['other'])).tensors.inputs[tensor].data.length, columns.length)
    model.retire()
  })
})

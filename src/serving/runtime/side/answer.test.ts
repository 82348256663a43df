import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonPart, asTensors, joinAnswers } from './answer.ts'
import { elementsOf } from '../tensor/datatypes.ts'

const CASES: readonly [string, unknown, Readonly<Record<string, readonly [string, readonly number[], readonly unknown[]]>>][] = [
  ['numbers', [1, 2.5], { prediction: ['FP64', [2], [1, 2.5]] }],
  ['a number that is missing', [1, null], { prediction: ['FP64', [2], [1, Number.NaN]] }],
  ['text', ['yes', 'no'], { prediction: ['BYTES', [2], ['yes', 'no']] }],
  ['truth', [[true], [false]], { prediction: ['BOOL', [2, 1], [true, false]] }],
  ['probabilities', [[0.25, 0.75], [1, 0]], { prediction: ['FP64', [2, 2], [0.25, 0.75, 1, 0]] }],
  ['lists of unequal length', [[1], [1, 2]], { prediction: ['BYTES', [2], ['[1]', '[1,2]']] }],
  ['numbers among text', [1, 'x'], { prediction: ['BYTES', [2], ['1', 'x']] }],
  ['a table', [{ a: 1, b: 'x' }, { a: 2, b: 'y' }], { a: ['FP64', [2], [1, 2]], b: ['BYTES', [2], ['x', 'y']] }],
  ['a table with objects in it', [{ a: { b: 1 } }], { a: ['BYTES', [1], ['{"b":1}']] }],
  ['outputs by name', { a: [[1], [2]], b: 3 }, { a: ['FP64', [2, 1], [1, 2]], b: ['FP64', [1], [3]] }],
  ['no rows', [], { prediction: ['FP64', [0], []] }],
  ['a single text', 'all is well', { prediction: ['BYTES', [1], ['all is well']] }],
]
for (const [name, predictions, expected] of CASES) {
  test(`${name} of a scoring server as tensors`, () => {
    const found = [...asTensors(predictions)].map(([output, { datatype, shape, data }]) => [output, [datatype, shape, [...elementsOf(data, datatype)]]])
    assert.deepEqual(Object.fromEntries(found), expected)
  })
}

test('parts of one request are joined in order, and given back as they came', () => {
  const joined = joinAnswers([new JsonPart({ rows: ['a', [1, 2]] }), new JsonPart({ rows: [{ b: null }] })])
  assert.equal(joined.predictions(), '["a",[1,2],{"b":null}]')
  assert.equal(joinAnswers([new JsonPart({ whole: { total: 3 } })]).predictions(), '{"total":3}')
})

test('a row of a part is its own answer; what has no rows stands with the first', () => {
  const part = new JsonPart({ rows: ['a', 'b'] })
  assert.deepEqual(part.row(1).get('prediction')?.data, ['b'])
  const whole = new JsonPart({ whole: { total: 3 } })
  assert.deepEqual([[...whole.row(0).keys()], [...whole.row(1).keys()]], [['total'], []])
})

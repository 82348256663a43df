import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { COLUMN_TYPES } from './column-type.ts'
import { compileSignature, refuseRow, signatureFromMlflow, signatureToMlflow, type ColumnSpec } from './signature.ts'

const columns: ColumnSpec[] = [
  { name: 'origin', type: 'string', required: true },
  { name: 'distance', type: 'long', required: true },
  { name: 'temp', type: 'double', required: false },
  { name: 'time_hour', type: 'datetime', required: true },
  { name: 'international', type: 'boolean', required: false },
]
const check = compileSignature(columns)
const good = { origin: 'JFK', distance: 1400, temp: 39.5, time_hour: '2013-01-01T10:00:00Z', international: false }

test('a good row has no problems, with or without its optional columns and with columns that nobody asked for', () => {
  for (const row of [good, { ...good, temp: null, international: undefined }, { ...good, tailnum: 'N14228' }, { ...good, temp: 40, time_hour: 1357034400000 }]) {
    assert.deepEqual(check(row), [])
  }
})

test('missing, wrongly typed and non-finite fields are told apart, all at once', () => {
  const problems = check({ distance: 1400.5, temp: Infinity, time_hour: 'noon', international: 'no' })
  assert.deepEqual(
    problems.map(({ column, problem, found }) => [column, problem, found]),
    [
      ['origin', 'missing', 'nothing'],
      ['distance', 'wrong type', '1400.5'],
      ['temp', 'not finite', 'Infinity'],
      ['time_hour', 'wrong type', '"noon"'],
      ['international', 'wrong type', '"no"'],
    ],
  )
  assert.equal(
    refuseRow(problems, 3).message,
    'row 3: origin is missing, expected a string; distance: found 1400.5, expected a long; temp: found Infinity, expected a finite double; time_hour: found "noon", expected a datetime; international: found "no", expected a boolean',
  )
})

test('where columns are missing, some of those are named that came in their place, and none where nothing is missing', () => {
  const known = columns.map((column) => column.name)
  const given = { 'Origin (code)': 'JFK', distance: 1400, time_hour: good.time_hour, ['x'.repeat(100)]: 1, a: 1, b: 2, c: 3 }
  assert.equal(refuseRow(check(given), 0, given, known).message, `row 0: origin is missing, expected a string; found Origin (code), ${'x'.repeat(60)}…, a, b … (5 in all)`)
  const odd = { ...good, distance: 'far', tailnum: 'N14228' }
  assert.equal(refuseRow(check(odd), 0, odd, known).message, 'row 0: distance: found "far", expected a long')
})

test('of many fields at fault a few are told, and all are in the details', () => {
  const wide = compileSignature(Array.from({ length: 784 }, (_, i) => ({ name: `X_${i}`, type: 'double', required: true })))
  const error = refuseRow(wide({}), 0)
  assert.match(error.message, /^row 0: X_0 is missing, .*; X_7 is missing, expected a double; and 776 more$/)
  assert.partialDeepStrictEqual(error.details, { problems: [{ column: 'X_0' }] })
})

test('null counts as missing, and a whole number beyond 2^53 is no long', () => {
  assert.deepEqual(check({ ...good, origin: null })[0]?.found, 'null')
  assert.deepEqual(check({ ...good, distance: 2 ** 53 })[0]?.problem, 'wrong type')
})

test('no value, however odd, makes the validator throw', () => {
  fc.assert(fc.property(fc.dictionary(fc.constantFrom(...columns.map((column) => column.name)), fc.anything()), (row) => assert.ok(Array.isArray(check(row)))))
})

test('a signature is read back from the form that MLflow writes', () => {
  const column = fc.record({ name: fc.string(), type: fc.constantFrom(...COLUMN_TYPES), required: fc.boolean() }, { noNullPrototype: true })
  fc.assert(
    fc.property(fc.array(column), fc.array(column), (inputs, outputs) => assert.deepEqual(signatureFromMlflow(signatureToMlflow({ inputs, outputs })), { inputs, outputs })),
  )
})

test('MLflow’s narrower numbers are read as the wider ones, and types that JSON rows cannot hold are refused', () => {
  assert.deepEqual(signatureFromMlflow({ inputs: '[{"type":"float","name":"a"},{"type":"integer","name":"b","required":false}]' }).inputs, [
    { name: 'a', type: 'double', required: true },
    { name: 'b', type: 'long', required: false },
  ])
  assert.throws(() => signatureFromMlflow({ inputs: '[{"type":"binary","name":"a"}]' }), /MLmodel: signature\.inputs: column 0 \(a\): found type "binary"/)
  assert.throws(() => signatureFromMlflow({ inputs: '{' }), { code: 'INPUT_INVALID' })
})

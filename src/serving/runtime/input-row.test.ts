import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createRowWriter } from './input-row.ts'

const KNOWN = ['carrier', 'distance', 'weather__wind']
const write = createRowWriter(KNOWN)
const read = (row: Readonly<Record<string, unknown>>): { inputs: Record<string, unknown>; left_out?: number } => JSON.parse(`{"inputs":${write(row)}}`)
const long = 'x'.repeat(2000)

const cases: readonly { name: string; row: Readonly<Record<string, unknown>>; inputs: Readonly<Record<string, unknown>>; leftOut?: number }[] = [
  { name: 'a row of the model’s columns is kept as it is', row: { carrier: 'UA', distance: 1, weather__wind: null }, inputs: { carrier: 'UA', distance: 1, weather__wind: null } },
  { name: 'columns of the caller’s own are kept beside them', row: { carrier: 'UA', trip: 'a7', vip: true }, inputs: { carrier: 'UA', trip: 'a7', vip: true } },
  { name: 'what is no scalar is left out and counted', row: { carrier: 'UA', nested: { a: 1 }, list: [1] }, inputs: { carrier: 'UA' }, leftOut: 2 },
  { name: 'a column of the model is kept however long it is', row: { carrier: long, distance: 1 }, inputs: { carrier: long, distance: 1 } },
  { name: 'a long column that the model does not know is left out, the short ones around it are kept', row: { trip: 'a7', blob: long, carrier: 'UA', vip: true }, inputs: { trip: 'a7', carrier: 'UA', vip: true }, leftOut: 1 },
  { name: 'a value that JSON has no word for is left out, as JSON does', row: { carrier: 'UA', nothing: undefined, nested: {} }, inputs: { carrier: 'UA' }, leftOut: 1 },
]
for (const { name, row, inputs, leftOut } of cases) {
  test(name, () => assert.deepEqual(read(row), leftOut === undefined ? { inputs } : { inputs, left_out: leftOut }))
}

test('whatever a caller sends, the model’s columns come back whole, the others within the bound, and none uncounted', () => {
  const scalar = fc.oneof(fc.string({ maxLength: 900, size: 'max' }), fc.double({ noDefaultInfinity: true, noNaN: true }).filter((n) => !Object.is(n, -0)), fc.boolean(), fc.constant(null))
  const name = fc.oneof(fc.constantFrom(...KNOWN), fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text !== '__proto__'))
  fc.assert(
    fc.property(fc.dictionary(name, scalar, { maxKeys: 12 }), (row) => {
      const text = write(row)
      const { inputs, left_out = 0 } = read(row)
      for (const [column, value] of Object.entries(row)) if (KNOWN.includes(column) || column in inputs) assert.deepEqual(inputs[column], value)
      assert.equal(Object.keys(inputs).length + left_out, Object.keys(row).length)
      const own = KNOWN.reduce((length, column) => length + (column in row ? JSON.stringify({ [column]: row[column] }).length : 0), 0)
      assert.ok(text.length <= own + 1024 + 64 * KNOWN.length + 30)
    }),
  )
})

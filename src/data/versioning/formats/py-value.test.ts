import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compareCodePoints, pyEquals, PyFloat, pyFloatRepr, toPy } from './py-value.ts'

test('the repr of a float reads back as the same float', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => assert.ok(Object.is(Number(pyFloatRepr(value)), value))))
})

test('the repr of a float is laid out as Python does', () => {
  const samples: readonly (readonly [number, string])[] = [
    [1, '1.0'], [0.1, '0.1'], [-0, '-0.0'], [1e-4, '0.0001'], [1e-5, '1e-05'], [1e15, '1000000000000000.0'], [1e16, '1e+16'],
    [1.5e300, '1.5e+300'], [123456.789, '123456.789'], [5e-324, '5e-324'], [Number.POSITIVE_INFINITY, 'inf'],
  ]
  for (const [value, text] of samples) assert.equal(pyFloatRepr(value), text)
})

test('strings are ordered by code point, where JavaScript would order by UTF-16 unit', () => {
  const points = (text: string) => Array.from(text, (char) => char.codePointAt(0) ?? 0)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      const [x, y] = [points(a), points(b)]
      const at = x.findIndex((point, i) => point !== y[i])
      const expected = at < 0 ? x.length - y.length : at >= y.length ? 1 : (x[at] ?? 0) - (y[at] ?? 0)
      assert.equal(Math.sign(compareCodePoints(a, b)), Math.sign(expected))
    }),
  )
  assert.ok(compareCodePoints('\ue000', '😀') < 0)
})

test('equality is Python’s: 1 == 1.0 == True, key order does not count', () => {
  assert.ok(pyEquals(1, new PyFloat(1)))
  assert.ok(pyEquals(true, 1))
  assert.ok(pyEquals(toPy({ a: 1, b: [2] }), toPy({ b: [2], a: 1 })))
  assert.ok(!pyEquals('1', 1))
  assert.ok(!pyEquals(toPy([1]), toPy([1, 2])))
})

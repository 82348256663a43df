import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { pyJson, pyJsonString } from './py-json.ts'
import { PyFloat, toPy } from './py-value.ts'

test('a string is ASCII and reads back as itself, whatever characters it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      const json = pyJsonString(text)
      assert.match(json, /^[\x20-\x7e]*$/)
      assert.equal(JSON.parse(json), text)
    }),
  )
})

test('escapes are those of Python: lower-case hex, surrogate pairs, DEL too', () => {
  assert.equal(pyJsonString('é\x7f😀\u0000\n"\\/'), '"\\u00e9\\u007f\\ud83d\\ude00\\u0000\\n\\"\\\\/"')
})

test('floats keep their point, integers have none, keys are sorted when asked', () => {
  const value = new Map([['b', new PyFloat(1)], ['a', toPy([1, true, null, 1e-5, 12345678901234567890n])]])
  assert.equal(pyJson(value), '{"b": 1.0, "a": [1, true, null, 1e-05, 12345678901234567890]}')
  assert.equal(pyJson(value, { sortKeys: true }), '{"a": [1, true, null, 1e-05, 12345678901234567890], "b": 1.0}')
})

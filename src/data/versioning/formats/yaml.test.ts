import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../../platform/errors/index.ts'
import { isPyMap, PyFloat, type PyKey, type PyValue } from './py-value.ts'
import { pyJson } from './py-json.ts'
import { readYaml } from './yaml-read.ts'
import { writeYaml } from './yaml-write.ts'

function roundTrip(text: string): string {
  const { value } = readYaml(text, 'test.yaml')
  assert.ok(isPyMap(value))
  return writeYaml(value)
}

test('what ruamel.yaml has written comes out again byte for byte', () => {
  const samples: unknown = JSON.parse(readFileSync(new URL('fixtures/ruamel.json', import.meta.url), 'utf8'))
  assert.ok(Array.isArray(samples) && samples.length >= 50)
  for (const sample of samples) assert.equal(roundTrip(String(sample)), sample)
})

test('whatever is written reads back as itself', () => {
  const leaf: fc.Arbitrary<PyValue> = fc.oneof(
    fc.string({ unit: 'grapheme' }), fc.string(), fc.constantFrom('yes', '1e3', '~', '- a', 'a: b', '2020-01-01', 'x'.repeat(100), 'a b '.repeat(40).trim(), '\n', 'a\n b\n'),
    fc.integer(), fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
    fc.double({ noNaN: true }).map((n) => new PyFloat(n)), fc.boolean(), fc.constant(null),
  )
  // Keys stay short and on one line: ruamel's own fold of a long plain key cannot be read back, and ours has the same bytes.
  const key = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
  const { value } = fc.letrec<{ value: PyValue }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 3 }), fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => new Map<PyKey, PyValue>(entries))),
  }))
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 3 }), (entries) => {
      const map = new Map<PyKey, PyValue>(entries)
      assert.equal(pyJson(readYaml(writeYaml(map), 'test.yaml').value), pyJson(map))
    }),
  )
})

test('plain scalars mean what they mean in YAML 1.2 to ruamel.yaml', () => {
  const { value } = readYaml('[yes, 1_000, 1e3, 010, 0x1f, 0o17, .5, 1., true, ~, "1", +1, .inf, 12345678901234567890]', 'test.yaml')
  assert.equal(pyJson(value), '["yes", 1000, 1000.0, 10, 31, 15, 0.5, 1.0, true, null, "1", 1, Infinity, 12345678901234567890]')
})

test('anchors, aliases and merge keys are resolved', () => {
  assert.equal(pyJson(readYaml('a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x\n', 'test.yaml').value), '{"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}}')
})

test('an error names the file, the line and the column', () => {
  const fails = (text: string, message: RegExp) =>
    assert.throws(() => readYaml(text, 'f.yaml'), (error) => error instanceof MillraceError && error.code === 'DVC_FILE_INVALID' && message.test(error.message))
  fails('a: 1\nb: [1, 2\n', /^f\.yaml:\d+:\d+: not YAML/)
  fails('a: 1\na: 2\n', /^f\.yaml:2:1: not YAML: Map keys must be unique/)
  fails('a: 1\nb: 2020-01-01\n', /^f\.yaml:2: "2020-01-01" is a date/)
})

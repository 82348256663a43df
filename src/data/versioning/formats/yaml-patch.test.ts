import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PyFloat, toPy, type PyValue } from './py-value.ts'
import { patchMapping } from './yaml-patch.ts'
import { readYaml } from './yaml-read.ts'

const TEXT = `# head
outs:
- md5: aaa   # the hash
  size: 1

  # about the path
  path: 'x'  # quoted
  desc: "d"
meta: {a: 1}
`

test('only the values that change are touched; comments, quotes and blank lines stay', () => {
  const patched = patchMapping(readYaml(TEXT, 't'), ['outs', 0], new Map<string, PyValue>([['md5', 'bbb'], ['size', 22]]))
  assert.equal(patched, TEXT.replace('aaa', 'bbb').replace('size: 1', 'size: 22'))
})

test('a new key goes behind the last of its mapping, a removed one takes its line along', () => {
  const patched = patchMapping(readYaml(TEXT, 't'), ['outs', 0], new Map<string, PyValue | undefined>([['size', undefined], ['nfiles', 3]]))
  assert.equal(patched, TEXT.replace('  size: 1\n', '').replace('  desc: "d"\n', '  desc: "d"\n  nfiles: 3\n'))
})

test('a single value becomes a mapping, and a mapping a single value', () => {
  assert.equal(patchMapping(readYaml('a: 1 # c\nb: 2\n', 't'), [], new Map([['a', toPy({ x: new PyFloat(0.5) })]])), 'a:\n  x: 0.5\nb: 2\n')
  assert.equal(patchMapping(readYaml('a:\n  x: 1\n  y: 2\nb: 2\n', 't'), [], new Map([['a', 'z']])), 'a: z\nb: 2\n')
})

test('a mapping in flow style, or none, is left to the caller', () => {
  assert.equal(patchMapping(readYaml(TEXT, 't'), ['meta'], new Map([['a', 2]])), undefined)
  assert.equal(patchMapping(readYaml('', 't'), [], new Map([['a', 2]])), undefined)
})

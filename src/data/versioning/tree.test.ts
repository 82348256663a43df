import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { md5Of } from './digest.ts'
import { decodeTree, encodeTree } from './tree.ts'

test('a folder’s object has the bytes and the hash that DVC gives it', () => {
  const tree = encodeTree([
    { relpath: 'model.bin', md5: '6f8f57715090da2632453988d9a1501b' },
    { relpath: 'log.txt', md5: '2db95e8e1a9267b7a1188556b2013b33' },
  ])
  assert.equal(tree, '[{"md5": "2db95e8e1a9267b7a1188556b2013b33", "relpath": "log.txt"}, {"md5": "6f8f57715090da2632453988d9a1501b", "relpath": "model.bin"}]')
  assert.equal(md5Of(tree), '6c8406284a78728b98177a1842f2b6bc')
})

test('entries are ordered by code point of the whole path: sub.txt before sub/b.txt, U+E000 before an emoji', () => {
  const md5 = '0'.repeat(32)
  const order = decodeTree(encodeTree(['😀', 'sub/b.txt', '\ue000', 'sub.txt'].map((relpath) => ({ relpath, md5 }))), 'test').map((entry) => entry.relpath)
  assert.deepEqual(order, ['sub.txt', 'sub/b.txt', '\ue000', '😀'])
})

test('what is encoded decodes to the same set, in whatever order it came', () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('/') && !text.includes('\0') && text !== '.' && text !== '..')
  const entry = fc.record({ relpath: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')), md5: fc.stringMatching(/^[0-9a-f]{32}$/) }, { noNullPrototype: true })
  fc.assert(
    fc.property(fc.uniqueArray(entry, { selector: ({ relpath }) => relpath, maxLength: 8 }), (entries) => {
      assert.equal(encodeTree(entries), encodeTree(entries.toReversed()))
      assert.deepEqual(new Set(decodeTree(encodeTree(entries), 'test')), new Set(entries))
    }),
  )
})

test('a path that leads out of the folder is refused, and so is whatever is not a list of entries', () => {
  const md5 = '0'.repeat(32)
  const bad = ['not json', '{}', '[1]', '[{"md5": "x", "relpath": "a"}]', ...['../a', '/a', 'a//b', 'a/./b', '', 'a\0'].map((relpath) => JSON.stringify([{ md5, relpath }]))]
  for (const text of bad) assert.throws(() => decodeTree(text, 'x.dir'), (error) => error instanceof MillraceError && error.code === 'DVC_CACHE_CORRUPT' && error.message.startsWith('x.dir: '))
})

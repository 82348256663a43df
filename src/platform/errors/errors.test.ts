import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorsDocument } from './document.ts'
import { MillraceError, toMillraceError } from './index.ts'

test('docs/errors.md lists every code of the catalogue, and nothing else', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  assert.equal(page, errorsDocument(), 'run: node scripts/errors-doc.mjs')
})

const translated = [
  [Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }), 'DISK_FULL'],
  [new Error('database or disk is full'), 'DISK_FULL'],
  [Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }), 'NOT_WRITABLE'],
  [Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' }), 'NOT_WRITABLE'],
  [Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' }), 'NOT_FOUND'],
  [new TypeError('undefined is not a function'), 'INTERNAL'],
  ['thrown text', 'INTERNAL'],
] as const
for (const [error, code] of translated) {
  test(`${String(error)} becomes ${code}, says what was being done, and keeps its cause`, () => {
    const known = toMillraceError(error, 'writing the journal')
    assert.equal(known.code, code)
    assert.match(known.message, /^writing the journal: /)
    assert.equal(known.cause, error)
  })
}

test('an error of ours passes through as it is', () => {
  const error = new MillraceError('CONFLICT', 'already there')
  assert.equal(toMillraceError(error, 'anything'), error)
})

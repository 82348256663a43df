import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { insideRoot, writeFileDurable } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-fs-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a durable write replaces the file and leaves no temporary one', () => {
  const file = join(folder, 'deep', 'er', 'file')
  writeFileDurable(file, 'one')
  writeFileDurable(file, 'two')
  assert.equal(readFileSync(file, 'utf8'), 'two')
  assert.deepEqual(readdirSync(join(folder, 'deep', 'er')), ['file'])
})

test('a path below a file that is no folder fails by name', () => {
  writeFileDurable(join(folder, 'plain'), '')
  assert.throws(() => writeFileDurable(join(folder, 'plain', 'x'), ''), /making the folder .*plain/)
})

const leaving = ['../x', 'a/../../x', '/etc/passwd', 'a\\b', '..\\x', 'C:/x', 'a/..', 'x\0y', 'link/x', 'link']
test('no path leaves its root', () => {
  const root = join(folder, 'root')
  mkdirSync(root)
  symlinkSync(folder, join(root, 'link'))
  for (const path of leaving) assert.throws(() => insideRoot(root, path), { code: 'PATH_OUTSIDE_ROOT' }, path)
  for (const path of ['a', 'a/b.txt', '.hidden', 'a..b', 'ü/😀']) assert.equal(insideRoot(root, path), join(root, path))
})

test('whatever path is given, the answer is inside the root or an error', () => {
  const root = join(folder, 'root2')
  mkdirSync(root)
  const part = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', '%2e%2e', 'a', 'C:'), fc.string({ maxLength: 4 }))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom('/', '\\', ''), (parts, separator) => {
      try {
        const path = insideRoot(root, parts.join(separator))
        assert.ok(path === root || path.startsWith(root + sep))
      } catch (error) {
        assert.equal(error instanceof Error && 'code' in error && error.code, 'PATH_OUTSIDE_ROOT')
      }
    }),
  )
})

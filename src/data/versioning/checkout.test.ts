import assert from 'node:assert/strict'
import { chmodSync, existsSync, lstatSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError, type ErrorCode } from '../../platform/errors/index.ts'
import { checkout } from '../pipeline/checkout.ts'
import { addDataset } from './add.ts'
import { objectPath } from './cache.ts'
import { openProject } from './project.ts'
import { dataStatus } from './status.ts'
import { temporaryProject, writeFiles } from './testing.ts'

const code = (expected: ErrorCode) => (error: unknown) => error instanceof MillraceError && error.code === expected

test('what was deleted or changed comes back, and files that the version does not have go', () => {
  const project = temporaryProject({ 'd/a': 'one', 'd/s/b': 'two', 'x.csv': 'x' })
  addDataset(project, 'd')
  addDataset(project, 'x.csv')
  rmSync(join(project.root, 'x.csv'))
  rmSync(join(project.root, 'd/s'), { recursive: true })
  writeFiles(project.root, { 'd/a': 'two', 'd/new/c': 'one' })
  assert.deepEqual(dataStatus(project).map(({ path, state }) => [path, state]), [['d', 'modified'], ['x.csv', 'deleted']])
  const result = checkout(project)
  assert.deepEqual([result.added, result.modified, result.written, result.removed], [['x.csv'], ['d'], 3, 1])
  assert.equal(readFileSync(join(project.root, 'd/a'), 'utf8'), 'one')
  assert.ok(!existsSync(join(project.root, 'd/new')))
  assert.deepEqual(dataStatus(project), [])
  assert.deepEqual(checkout(project).modified, [])
})

test('a change that was never added is not overwritten without force', () => {
  const project = temporaryProject({ 'd/a': 'one' })
  addDataset(project, 'd')
  writeFiles(project.root, { 'd/a': 'precious', 'd/b': 'one' })
  assert.throws(() => checkout(project), code('DVC_WOULD_LOSE_DATA'))
  assert.equal(readFileSync(join(project.root, 'd/a'), 'utf8'), 'precious')
  assert.ok(existsSync(join(project.root, 'd/b')))
  checkout(project, { force: true })
  assert.equal(readFileSync(join(project.root, 'd/a'), 'utf8'), 'one')
})

test('what the cache lacks is named, and the rest is done', () => {
  const project = temporaryProject({ 'a.csv': 'a', 'b.csv': 'b' })
  const lost = addDataset(project, 'a.csv')
  addDataset(project, 'b.csv')
  rmSync(objectPath(project.config.cacheDir, lost.md5))
  rmSync(join(project.root, 'a.csv'))
  rmSync(join(project.root, 'b.csv'))
  assert.throws(() => checkout(project), (error) => code('DVC_MISSING_DATA')(error) && /a\.csv/.test(String(error)) && !/b\.csv/.test(String(error)))
  assert.ok(existsSync(join(project.root, 'b.csv')))
  assert.deepEqual(dataStatus(project).map(({ path, state }) => [path, state]), [['a.csv', 'not in cache']])
})

test('an object that is not protected is hashed again, and dropped when it is not what its name says', () => {
  const project = temporaryProject({ 'a.csv': 'a' })
  const object = objectPath(project.config.cacheDir, addDataset(project, 'a.csv').md5)
  chmodSync(object, 0o644)
  assert.deepEqual(dataStatus(project), [])
  assert.equal(statSync(object).mode & 0o777, 0o444)
  rmSync(object)
  writeFiles(project.root, { [object.slice(project.root.length + 1)]: 'forged' })
  assert.equal(dataStatus(project)[0]?.state, 'not in cache')
  assert.ok(!existsSync(object))
})

test('a part of a folder can be brought back alone', () => {
  const project = temporaryProject({ 'd/a': 'one', 'd/s/b': 'two' })
  addDataset(project, 'd')
  rmSync(join(project.root, 'd'), { recursive: true })
  checkout(project, { targets: [join(project.root, 'd/s')] })
  assert.ok(existsSync(join(project.root, 'd/s/b')))
  assert.ok(!existsSync(join(project.root, 'd/a')))
})

test('an executable stays one; a file makes way for a folder and a folder for a file', () => {
  const project = temporaryProject({ 'run.sh': '#!/bin/sh\n', 'd/a': 'one' })
  chmodSync(join(project.root, 'run.sh'), 0o755)
  addDataset(project, 'run.sh')
  addDataset(project, 'd')
  for (const name of ['run.sh', 'd']) rmSync(join(project.root, name), { recursive: true })
  writeFiles(project.root, { 'run.sh/x': 'one', d: 'one' })
  checkout(project)
  assert.equal(statSync(join(project.root, 'run.sh')).mode & 0o111, 0o111 & ~process.umask())
  assert.equal(readFileSync(join(project.root, 'd/a'), 'utf8'), 'one')
})

test('relink turns copies into links of the configured type and back', () => {
  const project = temporaryProject({ 'd/a': 'one' })
  addDataset(project, 'd')
  const file = join(project.root, 'd/a')
  for (const type of ['symlink', 'hardlink', 'copy']) {
    writeFiles(project.root, { '.dvc/config': `[cache]\n    type = ${type}\n` })
    checkout(openProject(project.root), { relink: true })
    assert.equal(lstatSync(file).isSymbolicLink(), type === 'symlink')
    assert.equal(lstatSync(file).nlink, type === 'hardlink' ? 2 : 1)
    assert.equal(readFileSync(file, 'utf8'), 'one')
  }
  assert.equal(statSync(file).mode & 0o200, 0o200)
})

test('a link that leads nowhere is replaced like a missing file', () => {
  const project = temporaryProject({ 'a.csv': 'a' })
  addDataset(project, 'a.csv')
  rmSync(join(project.root, 'a.csv'))
  symlinkSync('gone', join(project.root, 'a.csv'))
  checkout(project)
  assert.equal(readFileSync(join(project.root, 'a.csv'), 'utf8'), 'a')
})

test('data of DVC 2.x is restored and compared as DVC 2.x did', () => {
  const project = temporaryProject({ 'old.txt.dvc': 'outs:\n- md5: 7fc56270e7a70fa81a5935b72eacbe29\n  size: 3\n  path: old.txt\n', '.dvc/cache/7f/c56270e7a70fa81a5935b72eacbe29': 'A' })
  checkout(project)
  assert.deepEqual(dataStatus(project), [])
})

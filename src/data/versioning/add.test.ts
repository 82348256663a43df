import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError, type ErrorCode } from '../../platform/errors/index.ts'
import { addDataset } from './add.ts'
import { objectPath } from './cache.ts'
import { openProject, type Project } from './project.ts'
import { dataStatus } from './status.ts'
import { gitCommit, temporaryProject, writeFiles } from './testing.ts'

const read = (project: Project, name: string) => readFileSync(join(project.root, name), 'utf8')

function refused(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MillraceError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

test('.dvc files and .gitignore have the very bytes that DVC writes', () => {
  const project = temporaryProject({
    'a.txt': 'hello\n', 'run.sh': '#!/bin/sh\n', 'data/sub.txt': '1\n', 'data/sub/b.txt': '2\n', 'data/\ue000': 'x', 'data/😀': 'y', 'data/\x7f': 'z',
    'we[i]rd#name!.csv': 'q', empty: '', 'ünï/x': '3\n',
  })
  chmodSync(join(project.root, 'run.sh'), 0o755)
  for (const name of ['a.txt', 'run.sh', 'data', 'we[i]rd#name!.csv', 'empty', 'ünï']) addDataset(project, name)
  const expected: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(new URL('fixtures/added.json', import.meta.url), 'utf8'))
  for (const [name, text] of Object.entries(expected)) assert.equal(read(project, name), text, name)
  assert.deepEqual(dataStatus(project), [])
})

test('objects are read-only files under their hash, and nothing else is left in the cache', () => {
  const project = temporaryProject({ 'd/a': 'one', 'd/b': 'two', 'd/c': 'one' })
  const added = addDataset(project, 'd')
  assert.equal(added.nfiles, 3)
  assert.equal(added.size, 9)
  const object = objectPath(project.config.cacheDir, 'f97c5d29941bfb1b2fdab0874906ab82')
  assert.equal(statSync(object).mode & 0o777, 0o444)
  assert.deepEqual(readdirSync(project.config.cacheDir), ['files'])
})

test('adding again tells whether the content is new, and keeps comments, order and fields of the .dvc file', () => {
  const project = temporaryProject({ 'a.csv': '1\n' })
  assert.ok(addDataset(project, 'a.csv').changed)
  assert.ok(!addDataset(project, 'a.csv').changed)
  const text = read(project, 'a.csv.dvc').replace('outs:\n', '# ours\nouts:\n').replace('  path: a.csv\n', '  path: a.csv   # here\n  desc: raw data\n  remote: r\nmeta:\n  owner: me\n')
  writeFiles(project.root, { 'a.csv.dvc': text, 'a.csv': '22\n' })
  const again = addDataset(project, 'a.csv')
  assert.ok(again.changed)
  assert.equal(read(project, 'a.csv.dvc'), text.replace(/md5: \w+/, `md5: ${again.md5}`).replace('size: 2', 'size: 3'))
})

test('an unchanged file is not read again, a changed one of the same size and time is', () => {
  const project = temporaryProject({ 'a.bin': 'aaaa' })
  const first = addDataset(project, 'a.bin')
  writeFileSync(join(project.root, 'a.bin'), 'bbbb')
  const { mtime } = statSync(join(project.root, 'a.bin'))
  execFileSync('touch', ['-d', mtime.toISOString(), join(project.root, 'a.bin')])
  assert.notEqual(addDataset(project, 'a.bin').md5, first.md5)
})

test('a link to a file counts as the file; links to folders, empty folders and what .dvcignore names are left out', () => {
  const project = temporaryProject({ 'd/a': 'one', 'd/skip.tmp': 'x', 'target/deep': 'y', '.dvcignore': '*.tmp\n' })
  mkdirSync(join(project.root, 'd/empty'))
  symlinkSync('../target', join(project.root, 'd/link'))
  symlinkSync('../target/deep', join(project.root, 'd/alias'))
  assert.equal(addDataset(project, 'd').nfiles, 2)
})

test('what cannot be versioned is refused with the reason, and leaves no .dvc file', () => {
  const project = temporaryProject({ 'd/a': '1', 'tracked.csv': '2', 'e/.dvcignore': '', 'e/x': '3' })
  symlinkSync('nowhere', join(project.root, 'broken'))
  execFileSync('git', ['add', 'tracked.csv'], { cwd: project.root })
  addDataset(project, 'd')
  assert.throws(() => addDataset(project, 'missing'), refused('DVC_PATH_INVALID', /no such file/))
  assert.throws(() => addDataset(project, '../outside'), refused('DVC_PATH_INVALID', /below the project/))
  assert.throws(() => addDataset(project, '.dvc/config'), refused('DVC_PATH_INVALID', /\.dvc is not data/))
  assert.throws(() => addDataset(project, 'broken'), refused('DVC_PATH_INVALID', /gone|broken/))
  assert.throws(() => addDataset(project, 'e'), refused('DVC_PATH_INVALID', /\.dvcignore inside tracked data/))
  assert.throws(() => addDataset(project, 'tracked.csv'), refused('DVC_TRACKED_BY_GIT', /git rm -r --cached tracked\.csv/))
  writeFiles(project.root, { 's/out/a': '1' })
  assert.throws(() => addDataset(project, 's/out/a', { owners: [{ path: join(project.root, 's/out'), name: 'stage s' }] }), refused('DVC_OVERLAP', /s\/out\/a: it lies in s\/out, an output of stage s/))
  assert.throws(() => addDataset(project, 'e', { owners: [{ path: join(project.root, 'e/x'), name: 'stage s' }] }), refused('DVC_OVERLAP', /holds e\/x, an output of stage s/))
  for (const name of ['broken', 'e', 'tracked.csv', 's/out/a']) assert.ok(!existsSync(join(project.root, `${name}.dvc`)), name)
})

test('a part of a tracked folder can be added alone: only that part of the version changes', () => {
  const project = temporaryProject({ 'd/a': 'one', 'd/s/b': 'two', 'd/s/c': 'three' })
  const whole = addDataset(project, 'd')
  writeFiles(project.root, { 'd/a': 'changed', 'd/s/b': 'changed too', 'd/new': 'x' })
  const part = addDataset(project, 'd/s')
  assert.deepEqual([part.path, part.nfiles, part.size, part.changed], ['d', 3, 3 + 11 + 5, true])
  assert.equal(dataStatus(project)[0]?.state, 'modified')
  writeFiles(project.root, { 'd/a': 'one', 'd/s/b': 'two' })
  rmSync(join(project.root, 'd/new'))
  assert.equal(addDataset(project, 'd/s/b').md5, whole.md5)
  rmSync(join(project.root, 'd/s/c'))
  assert.equal(addDataset(project, 'd/s/c').nfiles, 2)
  assert.deepEqual(dataStatus(project), [])
})

test('with hard links, the added file becomes its protected object', () => {
  const project = temporaryProject({ 'a.csv': 'x', '.dvc/config': '[cache]\n    type = hardlink,copy\n' })
  const added = addDataset(openProject(project.root), 'a.csv')
  assert.equal(lstatSync(join(project.root, 'a.csv')).ino, statSync(objectPath(project.config.cacheDir, added.md5)).ino)
})

test('with autostage, Git has the .dvc file and .gitignore in its index', () => {
  const project = temporaryProject({ 'a.csv': 'x', '.dvc/config': '[core]\n    autostage = true\n' })
  gitCommit(project)
  writeFiles(project.root, { 'b.csv': 'y' })
  addDataset(openProject(project.root), 'b.csv')
  assert.match(execFileSync('git', ['diff', '--cached', '--name-only'], { cwd: project.root, encoding: 'utf8' }), /b\.csv\.dvc/)
})

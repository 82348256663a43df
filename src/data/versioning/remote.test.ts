import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import { checkout, namedObjects } from '../pipeline/checkout.ts'
import { addDataset } from './add.ts'
import { objectPath } from './cache.ts'
import { openProject } from './project.ts'
import { pull, push } from './remote.ts'
import { dataStatus } from './status.ts'
import { temporaryFolder, temporaryProject } from './testing.ts'

function withRemote(files: Readonly<Record<string, string>>) {
  const remote = temporaryFolder()
  const { root } = temporaryProject({ ...files, '.dvc/config': `[core]\n    remote = r\n['remote "r"']\n    url = ${remote}\n` })
  return { remote, project: openProject(root) }
}

test('what is pushed can be pulled after the cache and the data are lost', () => {
  const { project, remote } = withRemote({ 'd/a': 'one', 'd/b': 'two' })
  addDataset(project, 'd')
  const wanted = namedObjects(project)
  assert.deepEqual(push(project, { wanted }), { remote, objects: 3, bytes: 6 + 122 })
  assert.equal(push(project, { wanted }).objects, 0)
  rmSync(project.config.cacheDir, { recursive: true })
  rmSync(join(project.root, 'd'), { recursive: true })
  assert.equal(pull(project, { wanted }).objects, 3)
  checkout(project)
  assert.deepEqual(dataStatus(project), [])
})

test('a damaged object of a remote is refused and not kept', () => {
  const { project, remote } = withRemote({ 'a.csv': 'content' })
  const { md5 } = addDataset(project, 'a.csv')
  push(project, { wanted: [md5] })
  chmodSync(objectPath(remote, md5), 0o644)
  writeFileSync(objectPath(remote, md5), 'CONTENT')
  rmSync(project.config.cacheDir, { recursive: true })
  assert.throws(() => pull(project, { wanted: [md5] }), (error) => error instanceof MillraceError && error.code === 'DVC_CACHE_CORRUPT')
  assert.equal(dataStatus(project)[0]?.state, 'not in cache')
})

test('no remote, an unknown one and one that is not a folder are told apart', () => {
  const project = temporaryProject({ '.dvc/config': `['remote "s"']\n    url = s3://bucket\n` })
  const opened = openProject(project.root)
  for (const [remote, message] of [[undefined, /no remote is set/], ['x', /no remote "x"; there are: s/], ['s', /local folders/]] as const) {
    assert.throws(() => push(opened, { wanted: [], ...(remote ? { remote } : {}) }), (error) => error instanceof MillraceError && error.code === 'CONFIG_INVALID' && message.test(error.message))
  }
})

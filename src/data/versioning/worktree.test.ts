import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { git } from '../../platform/git/index.ts'
import { commitPaths, headCommit, setBranch } from '../../platform/git/repository.ts'
import { checkout } from '../pipeline/checkout.ts'
import { addDataset } from './add.ts'
import { temporaryFolder, temporaryProject, gitCommit, writeFiles } from './testing.ts'
import { closeWorktree, openWorktree } from './worktree.ts'

test('a worktree has its own files and commits, and shares the cache; the user’s tree and branch stay as they are', async () => {
  const project = temporaryProject({ 'data.csv': '1\n', 'code.txt': 'a' })
  addDataset(project, 'data.csv')
  const commit = gitCommit(project)
  writeFiles(project.root, { 'code.txt': 'uncommitted' })
  const folder = join(temporaryFolder(), 'tree')
  const tree = await openWorktree(project, commit, folder)
  checkout(tree)
  assert.equal(readFileSync(join(folder, 'data.csv'), 'utf8'), '1\n')
  assert.equal(readFileSync(join(folder, 'code.txt'), 'utf8'), 'a')
  writeFiles(folder, { 'data.csv': '2\n' })
  const added = addDataset(tree, 'data.csv')
  const made = await commitPaths(folder, { message: 'more data', paths: added.toCommit })
  await setBranch(project.root, 'millrace/executions/1', made)
  assert.equal(await headCommit(project.root), commit)
  assert.equal((await git(project.root, ['rev-parse', 'millrace/executions/1'])).stdout.trim(), made)
  assert.equal((await openWorktree(project, commit, folder)).root, tree.root)
  assert.equal(readFileSync(join(folder, 'data.csv'), 'utf8'), '2\n')
  await closeWorktree(project, folder)
  await closeWorktree(project, folder)
  assert.ok(!existsSync(folder))
  assert.equal((await git(project.root, ['status', '--porcelain'])).stdout, ' M code.txt\n')
})

test('a folder that a kill left half made is made anew', async () => {
  const project = temporaryProject()
  const commit = gitCommit(project)
  const folder = join(temporaryFolder(), 'tree')
  writeFiles(folder, { 'half/made': '' })
  await openWorktree(project, commit, folder)
  assert.ok(existsSync(join(folder, '.dvc/config')) && !existsSync(join(folder, 'half')))
  await closeWorktree(project, folder)
})

test('nothing to commit answers the present commit', async () => {
  const project = temporaryProject()
  const commit = gitCommit(project)
  assert.equal(await commitPaths(project.root, { message: 'nothing' }), commit)
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openProject } from '../data/versioning/index.ts'
import { temporaryFolder } from '../data/versioning/testing.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const millrace = (cwd: string, ...args: readonly string[]): string => execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'init', ...args], { cwd, encoding: 'utf8' })

/** What `millrace init` told to type, typed into a shell. */
function commit(cwd: string, told: string): void {
  const [, line] = /^Commit them: (.*)$/m.exec(told) ?? []
  assert.ok(line !== undefined, told)
  const identity = { GIT_AUTHOR_NAME: 'T', GIT_AUTHOR_EMAIL: 't@localhost', GIT_COMMITTER_NAME: 'T', GIT_COMMITTER_EMAIL: 't@localhost' }
  execFileSync('/bin/sh', ['-c', line], { cwd, env: { ...process.env, ...identity } })
}
const committed = (cwd: string): string => execFileSync('git', ['ls-tree', '-r', '--name-only', 'HEAD'], { cwd, encoding: 'utf8' })

test('a folder becomes a project in a repository of its own, and the commands that it names commit it from where they are read', () => {
  const folder = temporaryFolder()
  const told = millrace(folder, "it's new")
  commit(folder, told)
  assert.match(committed(join(folder, "it's new")), /^\.dvc\/config\n.*^millrace\.yaml$/ms)
  assert.match(millrace(join(folder, "it's new")), /^this folder is a project already\.\n$/)
  assert.match(millrace(folder, '.'), /^Commit them: git add /m)
})

test('a folder inside a Git repository becomes a part of it, and that is said', () => {
  const outer = temporaryFolder()
  execFileSync('git', ['init', '--quiet', outer])
  const told = millrace(outer, 'models/delay')
  assert.match(told, new RegExp(`^It is a part of the Git repository at ${outer}; --own-repository would`, 'm'))
  assert.equal(existsSync(join(outer, 'models/delay/.git')), false)
  commit(outer, told)
  assert.match(committed(outer), /^models\/delay\/millrace\.yaml$/m)
  assert.equal(openProject(join(outer, 'models/delay')).gitRoot, outer)
})

test('where the repository around it ignores the folder, or one of its own is asked for, it gets one', () => {
  const outer = temporaryFolder()
  execFileSync('git', ['init', '--quiet', outer])
  appendFileSync(join(outer, '.gitignore'), '/scratch/\n')
  mkdirSync(join(outer, 'scratch'))
  assert.doesNotMatch(millrace(outer, 'scratch/one'), /should ignore it|is a part of/)
  assert.ok(existsSync(join(outer, 'scratch/one/.git')))
  assert.match(millrace(outer, 'two', '--own-repository'), new RegExp(`^It is a Git repository of its own inside the one at ${outer}, which should ignore it: add /two/ to its \\.gitignore\\.$`, 'm'))
  assert.ok(existsSync(join(outer, 'two/.git')))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IgnoreRules } from './ignore.ts'
import { temporaryFolder, writeFiles } from './testing.ts'

function rules(files: Readonly<Record<string, string>>): (path: string, isFolder?: boolean) => boolean {
  const root = temporaryFolder()
  writeFiles(root, files)
  const ignore = new IgnoreRules(root)
  return (path, isFolder = false) => ignore.ignoresPath(path, isFolder)
}

test('.git, .hg and .dvc are always left out', () => {
  const ignores = rules({})
  for (const path of ['.git/config', 'a/.dvc/config', '.hg/x']) assert.ok(ignores(path), path)
  assert.ok(!ignores('.gitignore'))
})

test('patterns are gitignore’s', () => {
  const ignores = rules({ '.dvcignore': '*.tmp\n/top\nlogs/\na/**/z\nx?y\n[0-9].txt\n[!a-c]_not\n# comment\n\\#hash\n  spaced  \ndeep/*.csv\n' })
  const yes = ['x.tmp', 'd/e.tmp', 'top', 'logs/a', 'd/logs/a', 'a/z', 'a/b/c/z', 'xay', '3.txt', 'd_not', '#hash', 'spaced', 'deep/x.csv', 'top/inside']
  const no = ['x.tmpx', 'd/top', 'logs', 'xaay', 'a.txt', 'a_not', 'deep/er/x.csv', '# comment', 'b/a/z']
  for (const path of yes) assert.ok(ignores(path), `${path} should be ignored`)
  for (const path of no) assert.ok(!ignores(path), `${path} should not be ignored`)
})

test('the last rule that matches decides, but nothing comes back below an ignored folder', () => {
  const ignores = rules({ '.dvcignore': '*.csv\n!keep.csv\nout/\n!out/keep.csv\n' })
  assert.ok(ignores('a.csv'))
  assert.ok(!ignores('keep.csv'))
  assert.ok(!ignores('d/keep.csv'))
  assert.ok(ignores('out/keep.csv'))
})

test('a .dvcignore further down counts from its folder, and wins there', () => {
  const ignores = rules({ '.dvcignore': '*.log\n', 'sub/.dvcignore': '!x.log\n/only\n' })
  assert.ok(ignores('a.log'))
  assert.ok(!ignores('sub/x.log'))
  assert.ok(ignores('sub/only'))
  assert.ok(!ignores('only'))
  assert.ok(!ignores('sub/deeper/only'))
})

test('a folder that is a DVC project of its own is left out', () => {
  const ignores = rules({ 'other/.dvc/config': '' })
  assert.ok(ignores('other', true))
  assert.ok(ignores('other/data.csv'))
})

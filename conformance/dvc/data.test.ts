import assert from 'node:assert/strict'
import { chmodSync, existsSync, lstatSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dvc, git, millrace, snapshot, temporaryFolder, twoProjects, type Side } from './sides.ts'

/** Runs the same on both sides and expects both to take it, or both to refuse it. */
function both(sides: readonly Side[], ...args: readonly string[]): readonly number[] {
  const answers = sides.map((side) => side.run(...args))
  const [ours, theirs] = answers
  assert.equal(ours?.code === 0, theirs?.code === 0, `${args.join(' ')}: ${JSON.stringify(answers)}`)
  return answers.map((answer) => answer.code)
}

function sameTrees({ ours, theirs }: { readonly ours: Side; readonly theirs: Side }): void {
  assert.deepEqual(snapshot(ours.root), snapshot(theirs.root))
  assert.deepEqual(snapshot(ours.path('.dvc/cache'), { modes: true }), snapshot(theirs.path('.dvc/cache'), { modes: true }))
}

/** Neither tool finds anything to say about what the other has made. */
function bothClean({ ours, theirs }: { readonly ours: Side; readonly theirs: Side }): void {
  for (const side of [ours, theirs]) {
    assert.equal(dvc(side.root, 'status', '--quiet').code, 0, `dvc status finds changes in the project of ${side.name}`)
    assert.equal(dvc(side.root, 'data', 'status', '--json').stdout.includes('uncommitted'), false)
    assert.equal(millrace(side.root, 'data', 'status', '--json').stdout, '{}\n')
  }
}

test('init: the same layout', () => {
  const [ours, theirs] = [temporaryFolder(), temporaryFolder()]
  assert.equal(millrace(ours, 'init').code, 0)
  git(theirs, 'init', '--quiet')
  assert.equal(dvc(theirs, 'init', '--quiet').code, 0)
  const layout = (root: string) => Object.fromEntries(Object.entries(snapshot(join(root, '.dvc'))).filter(([name]) => !name.startsWith('tmp/')))
  assert.deepEqual(layout(ours), layout(theirs))
  assert.ok(readFileSync(join(ours, '.dvcignore'), 'utf8').startsWith(readFileSync(join(theirs, '.dvcignore'), 'utf8')))
  assert.equal(dvc(ours, 'status', '--quiet').code, 0)
})

test('add of files and folders: .dvc files, .gitignore, objects and their modes', () => {
  const project = twoProjects(
    { 'a.txt': 'hello\n', 'run.sh': '#!/bin/sh\n', empty: '', 'data/sub.txt': '1\n', 'data/sub/b.txt': '2\n', 'data/sub/same': '2\n', 'deep/er/x.csv': '3' },
    (side) => chmodSync(side.path('run.sh'), 0o755),
  )
  both(project.sides, 'add', 'a.txt', 'run.sh', 'empty', 'data', 'deep/er/x.csv')
  sameTrees(project)
  bothClean(project)
})

test('add: names with Unicode, control characters and characters that Git would read as a pattern', () => {
  const names = ['ünï', '日本', '😀', '\ue000', '\x7f', 'tab\there', 'quo"te', 'back\\slash', 'sp ace', "it's"]
  const project = twoProjects({
    ...Object.fromEntries(names.map((name, i) => [`d/${name}`, String(i)])), ...Object.fromEntries(names.map((name, i) => [`d/sub/${name}/x`, String(i)])),
    'we[i]rd*n#ame!?.csv': '1', '#hash': '2', '!bang': '3', ümläut: '4',
  })
  both(project.sides, 'add', 'd', 'we[i]rd*n#ame!?.csv', '#hash', '!bang', 'ümläut')
  sameTrees(project)
  bothClean(project)
})

test('add: an existing .gitignore without a last newline is repaired, and a path that it covers is not repeated', () => {
  const project = twoProjects({ '.gitignore': '*.log', 'a.log': '1', 'b.csv': '2' })
  both(project.sides, 'add', 'a.log', 'b.csv')
  sameTrees(project)
})

test('add again: comments, desc, meta, labels, remote and order are kept', () => {
  const project = twoProjects({ 'a.csv': '1\n', 'd/x': '1' })
  both(project.sides, 'add', 'a.csv', 'd')
  for (const side of project.sides) {
    const text = side.read('a.csv.dvc').replace('outs:\n', '# ours\nouts:\n').replace('  path: a.csv\n', '  path: a.csv\n  # what it is\n  desc: raw data\n  type: dataset\n  labels:\n  - raw\n  remote: r\nmeta:\n  owner: me  # really\n')
    side.write({ 'a.csv.dvc': text, 'a.csv': '22\n', 'd/y': '2' })
  }
  both(project.sides, 'add', 'a.csv', 'd')
  sameTrees(project)
})

test('what DVC refuses to add is refused, and leaves no .dvc file: missing, broken, overlapping, tracked by Git, outside', () => {
  const project = twoProjects({ 'd/a': '1', 'd/sub/b': '2', 'tracked.csv': '3', 'e/x': '1', 'e/.dvcignore': 'x\n' }, (side) => {
    symlinkSync('nowhere', side.path('broken'))
    git(side.root, 'add', 'tracked.csv')
  })
  both(project.sides, 'add', 'd')
  for (const path of ['missing', 'broken', 'tracked.csv', 'e', '/']) assert.notEqual(both(project.sides, 'add', path)[0], 0, path)
  for (const name of ['missing.dvc', 'broken.dvc', 'd/a.dvc', 'tracked.csv.dvc', 'e.dvc']) for (const side of project.sides) assert.ok(!existsSync(side.path(name)), name)
})

test('a part of a tracked folder is added alone', () => {
  const project = twoProjects({ 'd/a': '1', 'd/sub/b': '2', 'd/sub/c': '3' })
  both(project.sides, 'add', 'd')
  for (const side of project.sides) side.write({ 'd/a': 'not this', 'd/sub/b': 'this', 'd/sub/new': 'and this' })
  both(project.sides, 'add', 'd/sub')
  sameTrees(project)
  for (const side of project.sides) side.write({ 'd/fresh': '4' })
  both(project.sides, 'add', 'd/fresh')
  sameTrees(project)
  for (const side of project.sides) rmSync(side.path('d/sub/c'))
  both(project.sides, 'add', 'd/sub/c')
  sameTrees(project)
})

test('links to files count as files, links to folders and empty folders are lost', () => {
  const project = twoProjects({ 'd/a': '1', 'target/deep': '2' }, (side) => {
    symlinkSync('../target', side.path('d/link'))
    symlinkSync('a', side.path('d/alias'))
  })
  both(project.sides, 'add', 'd')
  assert.equal(project.ours.read('d.dvc'), project.theirs.read('d.dvc'))
})

test('.dvcignore: patterns, negation, anchors, and files further down', () => {
  const ignore = '*.tmp\n!keep.tmp\n/d/top\nlogs/\nd/**/z\n[0-9].txt\n  spaced  \n# no\nd/out/*\n!d/out/in\n\\!bang\nx?y\n'
  const files = ['a.tmp', 'keep.tmp', 'sub/b.tmp', 'top', 'sub/top', 'logs/x', 'sub/logs/y', 'z', 'p/q/z', '3.txt', '33.txt', 'spaced', 'out/in', 'out/other', '!bang', 'xay', 'xaay', 'plain']
  const project = twoProjects({ '.dvcignore': ignore, ...Object.fromEntries(files.map((name) => [`d/${name}`, name])), 'w/.dvcignore': '!a.tmp\n/only\n', 'w/v/a.tmp': '1', 'w/v/b.tmp': '2', 'w/v/only': '3', 'w/v/x': '4' })
  both(project.sides, 'add', 'd', 'w/v')
  sameTrees(project)
})

test('link types: add links to the cache, checkout --relink changes the kind of link', () => {
  for (const type of ['hardlink', 'symlink', 'copy']) {
    const project = twoProjects({ '.dvc/config': `[cache]\n    type = ${type}\n`, 'a.csv': '1', 'd/x': '2', 'd/y/z': '3', 'd/empty': '' })
    both(project.sides, 'add', 'a.csv', 'd')
    const kinds = (side: Side) => ['a.csv', 'd/x', 'd/y/z', 'd/empty'].map((name) => {
      const stat = lstatSync(side.path(name))
      return `${name} ${stat.isSymbolicLink() ? 'link' : `${(stat.mode & 0o777).toString(8)} ${stat.nlink}`}`
    })
    if (type !== 'copy') assert.deepEqual(kinds(project.ours), kinds(project.theirs), type)
    for (const side of project.sides) side.write({ '.dvc/config': `[cache]\n    type = ${type === 'hardlink' ? 'symlink' : 'hardlink'}\n` })
    both(project.sides, 'checkout', '--relink')
    assert.deepEqual(kinds(project.ours), kinds(project.theirs), `${type} relinked`)
  }
})

test('checkout: deleted, changed and stale files; nothing that was never added is lost without --force', () => {
  const project = twoProjects({ 'd/a': 'one', 'd/s/b': 'two', 'x.csv': 'x', 'run.sh': '#!/bin/sh\n' }, (side) => chmodSync(side.path('run.sh'), 0o755))
  both(project.sides, 'add', 'd', 'x.csv', 'run.sh')
  for (const side of project.sides) {
    for (const name of ['x.csv', 'run.sh', 'd/s']) rmSync(side.path(name), { recursive: true })
    side.write({ 'd/a': 'two', 'd/stale/c': 'one' })
  }
  both(project.sides, 'checkout')
  sameTrees(project)
  assert.deepEqual(project.sides.map((side) => statSync(side.path('run.sh')).mode & 0o100), [0o100, 0o100])
  bothClean(project)
  for (const side of project.sides) side.write({ 'd/a': 'never added' })
  assert.notEqual(both(project.sides, 'checkout')[0], 0)
  for (const side of project.sides) assert.equal(side.read('d/a'), 'never added')
  both(project.sides, 'checkout', '--force')
  sameTrees(project)
})

test('checkout of a part of a folder, and of one target', () => {
  const project = twoProjects({ 'd/a': 'one', 'd/s/b': 'two', 'x.csv': 'x' })
  both(project.sides, 'add', 'd', 'x.csv')
  for (const side of project.sides) for (const name of ['d', 'x.csv']) rmSync(side.path(name), { recursive: true })
  both(project.sides, 'checkout', 'd/s')
  sameTrees(project)
  both(project.sides, 'checkout', 'x.csv.dvc')
  sameTrees(project)
})

test('checkout with objects missing fails, and does the rest', () => {
  const project = twoProjects({ 'a.csv': 'a', 'b.csv': 'b' })
  both(project.sides, 'add', 'a.csv', 'b.csv')
  for (const side of project.sides) {
    rmSync(side.path('.dvc/cache/files/md5/0c'), { recursive: true })
    rmSync(side.path('a.csv'))
    rmSync(side.path('b.csv'))
  }
  assert.notEqual(both(project.sides, 'checkout')[0], 0)
  for (const side of project.sides) assert.ok(existsSync(side.path('b.csv')) && !existsSync(side.path('a.csv')), side.name)
})

test('an object that is not protected and not what its name says is dropped', () => {
  const project = twoProjects({ 'a.csv': 'a' })
  both(project.sides, 'add', 'a.csv')
  for (const side of project.sides) {
    rmSync(side.path('.dvc/cache/files/md5/0c/c175b9c0f1b6a831c399e269772661'))
    side.write({ '.dvc/cache/files/md5/0c/c175b9c0f1b6a831c399e269772661': 'forged' })
    const status = side.run('status', '--json')
    assert.deepEqual(JSON.parse(status.stdout), { 'a.csv.dvc': [{ 'changed outs': { 'a.csv': 'not in cache' } }] }, side.name)
    assert.ok(!existsSync(side.path('.dvc/cache/files/md5/0c/c175b9c0f1b6a831c399e269772661')), side.name)
  }
})

test('what one tool pushes, the other pulls into a clone', () => {
  for (const [pusher, puller] of [['millrace', 'dvc'], ['dvc', 'millrace']] as const) {
    const remote = temporaryFolder()
    const { sides } = twoProjects({ 'd/a': 'one', 'd/s/b': 'two', 'x.csv': 'x' })
    const from = sides.find((side) => side.name === pusher)
    const clone = sides.find((side) => side.name === puller)
    assert.ok(from && clone)
    from.write({ '.dvc/config': `[core]\n    remote = r\n['remote "r"']\n    url = ${remote}\n` })
    assert.equal(from.run('add', 'd', 'x.csv').code, 0)
    assert.equal(from.run('push').code, 0)
    assert.match(dvc(from.root, 'status', '--cloud').stdout, /in sync/)
    git(from.root, 'add', '--all')
    git(from.root, 'commit', '--quiet', '--message', 'state')
    rmSync(clone.root, { recursive: true })
    git(from.root, 'clone', '--quiet', from.root, clone.root)
    const pulled = clone.run('pull')
    assert.equal(pulled.code, 0, pulled.stderr)
    assert.deepEqual(snapshot(clone.path('d')), snapshot(from.path('d')))
    assert.equal(clone.read('x.csv'), 'x')
    assert.equal(dvc(clone.root, 'status', '--quiet').code, 0)
  }
})

test('status: the same JSON for data that was changed, deleted, renamed', () => {
  const project = twoProjects({ 'd/a': 'one', 'x.csv': 'x', 'y.csv': 'y' })
  both(project.sides, 'add', 'd', 'x.csv', 'y.csv')
  for (const side of project.sides) {
    renameSync(side.path('d/a'), side.path('d/b'))
    rmSync(side.path('x.csv'))
    side.write({ 'y.csv': 'new' })
  }
  const [ours, theirs] = project.sides.map((side): unknown => JSON.parse(side.run('status', '--json').stdout))
  assert.deepEqual(ours, theirs)
})

test('data of DVC 2.x, with its own hash of text, is read, restored and found clean', () => {
  const files = { 'old.txt.dvc': 'outs:\n- md5: 0cc175b9c0f1b6a831c399e269772661\n  size: 1\n  path: old.txt\n', '.dvc/cache/0c/c175b9c0f1b6a831c399e269772661': 'a' }
  const project = twoProjects(files)
  both(project.sides, 'checkout')
  sameTrees(project)
  bothClean(project)
})

test('a running dvc is waited for, and a dvc that meets our claim says who holds the data', () => {
  const { ours } = twoProjects({ 'in.txt': '1', 'dvc.yaml': '' })
  const nested = dvc(ours.root, 'version')
  assert.equal(nested.code, 0)
  // A stage whose command calls dvc on the stage's own output: our claim stands in DVC's rwlock, so dvc refuses.
  ours.write({ 'dvc.yaml': 'stages:\n  s:\n    cmd: echo x > o; "$DVC" add o 2> err; echo $? > code\n    deps: [in.txt]\n    outs: [o]\n' })
  process.env.DVC = join(process.env.MILLRACE_PEERS_VENV ?? '', 'bin', 'dvc')
  const run = ours.run('repro')
  assert.equal(run.code, 0, run.stderr)
  assert.notEqual(ours.read('code').trim(), '0')
})

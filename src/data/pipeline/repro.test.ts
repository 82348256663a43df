import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { MillraceError, type ErrorCode } from '../../platform/errors/index.ts'
import { addDataset } from '../versioning/add.ts'
import { openProject, type Project } from '../versioning/project.ts'
import { temporaryProject, writeFiles } from '../versioning/testing.ts'
import { pipelineOwners } from './load.ts'
import { repro, type ReproOptions } from './repro.ts'
import { projectStatus } from './status.ts'

const read = (project: Project, name: string) => readFileSync(join(project.root, name), 'utf8')
const states = async (project: Project, options: ReproOptions = {}) => (await repro(project, options)).stages.map(({ name, state }) => `${name} ${state}`)

const rejected = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MillraceError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, message)
  return true
}

/** Each run of a stage leaves a line in `runs` beside the project, so that a test can count them. */
const TWO = {
  'in.txt': 'one\n', 'params.yaml': 'n: 1\n',
  'dvc.yaml': 'stages:\n  a:\n    cmd: echo a >> runs && cat in.txt > a.txt\n    deps: [in.txt]\n    outs: [a.txt]\n  b:\n    cmd: echo b >> runs && cat a.txt a.txt > b.txt\n    deps: [a.txt]\n    params: [n]\n    outs: [b.txt]\n    metrics: [{m.json: {cache: false}}]\n'.replace('> b.txt', "> b.txt && echo '{}' > m.json"),
}

test('a pipeline that DVC has run gives the same dvc.lock, run cache and .gitignore', async () => {
  const folder = new URL('fixtures/project/', import.meta.url)
  const fixture = (name: string) => readFileSync(new URL(name, folder), 'utf8')
  const project = temporaryProject({ 'raw.txt': 'raw\n', 'd/a': '1\n', 'd/b': '2\n', ...Object.fromEntries(['dvc.yaml', 'params.yaml', 'other.json'].map((name) => [name, fixture(name)])) })
  const result = await repro(project)
  assert.equal(read(project, 'dvc.lock'), fixture('dvc.lock'))
  assert.equal(read(project, '.gitignore'), fixture('gitignore.txt'))
  const runs = join(project.config.cacheDir, 'runs')
  const files = readdirSync(runs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  assert.deepEqual(Object.fromEntries(files.map((file) => [relative(runs, file), readFileSync(file, 'utf8')])), JSON.parse(fixture('runs.json')))
  assert.ok(result.stages.every((stage) => stage.state === 'finished'))
  assert.deepEqual(projectStatus(project), { always: ['always changed'] })
})

test('a second repro runs nothing; a change runs what depends on it, and stops where the result is the same', async () => {
  const project = temporaryProject(TWO)
  assert.deepEqual(await states(project), ['a finished', 'b finished'])
  assert.deepEqual(await states(project), ['a cached', 'b cached'])
  assert.equal((await repro(project)).changed, 0)
  writeFiles(project.root, { 'in.txt': 'two\n' })
  assert.deepEqual(projectStatus(project), { a: [{ 'changed deps': { 'in.txt': 'modified' } }] })
  assert.deepEqual(await states(project), ['a finished', 'b finished'])
  writeFiles(project.root, { 'dvc.yaml': TWO['dvc.yaml'].replace('cat in.txt >', 'cat < in.txt >') })
  assert.deepEqual(projectStatus(project), { a: ['changed command'] })
  assert.deepEqual(await states(project), ['a finished', 'b cached'])
  writeFiles(project.root, { 'params.yaml': 'n: 2\n' })
  assert.deepEqual(projectStatus(project), { b: [{ 'changed deps': { 'params.yaml': { n: 'modified' } } }] })
  assert.deepEqual(await states(project), ['a cached', 'b finished'])
  assert.equal(read(project, 'runs').split('\n').length - 1, 6)
})

test('an earlier run is restored from the run cache, also where dvc.lock is lost, and outputs that Git keeps too', async () => {
  const project = temporaryProject(TWO)
  await repro(project)
  const lock = read(project, 'dvc.lock')
  writeFiles(project.root, { 'in.txt': 'two\n' })
  await repro(project)
  writeFiles(project.root, { 'in.txt': 'one\n' })
  assert.deepEqual(await states(project), ['a restored', 'b restored'])
  assert.equal(read(project, 'dvc.lock'), lock)
  for (const name of ['dvc.lock', 'a.txt', 'b.txt', 'm.json']) rmSync(join(project.root, name))
  assert.deepEqual(await states(project), ['a restored', 'b restored'])
  assert.equal(read(project, 'dvc.lock'), lock)
  assert.equal(read(project, 'b.txt'), 'one\none\n')
  assert.equal(statSync(join(project.root, 'm.json')).mode & 0o200, 0o200)
  assert.equal(read(project, 'runs').split('\n').length - 1, 4)
})

test('force runs all again; a single item leaves out what it needs; targets take their needs along', async () => {
  const project = temporaryProject(TWO)
  assert.deepEqual(await states(project, { targets: ['a'] }), ['a finished'])
  assert.deepEqual(await states(project, { force: true }), ['a finished', 'b finished'])
  writeFiles(project.root, { 'in.txt': 'two\n' })
  assert.deepEqual(await states(project, { targets: ['b'], single: true }), ['b cached'])
  assert.deepEqual(await states(project, { targets: ['b.txt'] }), ['a finished', 'b finished'])
  await assert.rejects(repro(project, { targets: ['c'] }), rejected('PIPELINE_STAGE_UNKNOWN', /c: no stage.*the stages are: a, b/))
})

test('a failed command leaves the lock as it was and shows its exit code and last words', async () => {
  const project = temporaryProject({ 'dvc.yaml': 'stages:\n  ok: {cmd: echo 1 > o, outs: [o]}\n  bad:\n    cmd: echo fine; echo "no such column x" >&2; exit 3\n    deps: [o]\n    outs: [p]\n' })
  const seen: string[] = []
  await assert.rejects(repro(project, { onStage: ({ name, state }) => seen.push(`${name} ${state}`) }), rejected('PIPELINE_STAGE_FAILED', /stage bad .* ended with exit code 3:\nno such column x$/))
  assert.deepEqual(seen, ['ok started', 'ok finished', 'bad started', 'bad failed'])
  assert.ok(!read(project, 'dvc.lock').includes('bad'))
})

test('what is missing is named: an input, a parameter, an output that was not made', async () => {
  const of = (stage: string, files = {}) => temporaryProject({ 'dvc.yaml': `stages:\n  s: ${stage}\n`, ...files })
  await assert.rejects(repro(of('{cmd: echo, deps: [gone]}')), rejected('PIPELINE_INPUT_MISSING', /stage s: it depends on gone/))
  await assert.rejects(repro(of('{cmd: echo, params: [a.b]}', { 'params.yaml': 'a: 1\n' })), rejected('PIPELINE_INPUT_MISSING', /params\.yaml has no a\.b/))
  await assert.rejects(repro(of('{cmd: echo, params: [a]}')), rejected('PIPELINE_INPUT_MISSING', /params\.yaml does not exist/))
  await assert.rejects(repro(of('{cmd: echo, outs: [never]}')), rejected('PIPELINE_OUTPUT_MISSING', /did not make never/))
})

test('outputs are gone before a command runs, but for those that persist', async () => {
  const project = temporaryProject({ 'dvc.yaml': 'stages:\n  s:\n    cmd: test ! -e gone && echo x > gone && echo x >> kept\n    outs: [gone, {kept: {persist: true}}]\n' })
  await repro(project)
  await repro(project, { force: true })
  assert.equal(read(project, 'kept'), 'x\nx\n')
})

test('a frozen stage is never run; a stage that always changes always is', async () => {
  const project = temporaryProject({ 'in.txt': '1', o: 'made by hand', 'dvc.yaml': 'stages:\n  f: {cmd: exit 1, deps: [in.txt], outs: [o], frozen: true}\n  w: {cmd: echo >> n, always_changed: true}\n' })
  assert.deepEqual(await states(project), ['f finished', 'w finished'])
  writeFiles(project.root, { 'in.txt': '2' })
  assert.deepEqual(await states(project), ['f cached', 'w finished'])
})

test('data that a stage reads and that has changed is added; data that is gone is an error', async () => {
  const project = temporaryProject({ ...TWO, '.gitignore': '' })
  addDataset(project, 'in.txt')
  await repro(project)
  writeFiles(project.root, { 'in.txt': 'three\n' })
  assert.deepEqual(await states(project), ['in.txt.dvc finished', 'a finished', 'b finished'])
  assert.deepEqual(projectStatus(project), {})
  rmSync(join(project.root, 'in.txt'))
  await assert.rejects(repro(project), rejected('PIPELINE_INPUT_MISSING', /in\.txt\.dvc names it and it is not there/))
})

test('pipelines in folders are one graph; their stages are named by file', async () => {
  const project = temporaryProject({
    'dvc.yaml': 'stages:\n  top: {cmd: cat sub/o > t, deps: [sub/o], outs: [t]}\n', 'sub/dvc.yaml': 'stages:\n  deep: {cmd: "echo ${v} > o", outs: [o]}\n', 'sub/params.yaml': 'v: 7\n',
  })
  assert.deepEqual(await states(project), ['sub/dvc.yaml:deep finished', 'top finished'])
  assert.deepEqual(await states(project, { base: join(project.root, 'sub') }), ['sub/dvc.yaml:deep cached'])
  assert.equal(read(project, 't'), '7\n')
  assert.ok(existsSync(join(project.root, 'sub/dvc.lock')))
})

test('circles and outputs that two stages claim are refused, with the stages', async () => {
  const of = (stages: string) => temporaryProject({ 'dvc.yaml': `stages:\n${stages}` })
  await assert.rejects(repro(of('  a: {cmd: c, deps: [y], outs: [x]}\n  b: {cmd: c, deps: [x], outs: [y]}\n')), rejected('PIPELINE_CYCLE', /a needs b needs a/))
  await assert.rejects(repro(of('  a: {cmd: c, outs: [x]}\n  b: {cmd: c, outs: [x]}\n')), rejected('DVC_OVERLAP', /x is an output of both a and b/))
  await assert.rejects(repro(of('  a: {cmd: c, outs: [d]}\n  b: {cmd: c, outs: [d/x]}\n')), rejected('DVC_OVERLAP', /d\/x, an output of b, lies in d, an output of a/))
  await assert.rejects(repro(of('  a: {cmd: c, deps: [x], outs: [x]}\n')), rejected('DVC_FILE_INVALID', /x is named more than once/))
  const project = of('  a: {cmd: c, outs: [x]}\n')
  writeFiles(project.root, { x: '1' })
  assert.throws(() => addDataset(project, 'x', { owners: pipelineOwners(project) }), rejected('DVC_OVERLAP', /an output of stage a/))
})

test('the commands see DVC_STAGE, DVC_ROOT, the given environment and this installation’s millrace', async () => {
  const project = temporaryProject({ 'sub/x': '', 'dvc.yaml': 'stages:\n  s:\n    wdir: sub\n    cmd: echo "$DVC_STAGE $DVC_ROOT $EXTRA $(basename $PWD)" > o; command -v millrace >> o\n    outs: [o]\n' })
  await repro(openProject(project.root), { env: { EXTRA: 'more' } })
  assert.equal(read(project, 'sub/o'), `s ${project.root} more sub\n${join(project.tmpDir, 'millrace/bin/millrace')}\n`)
  assert.match(readFileSync(join(project.tmpDir, 'millrace/bin/millrace'), 'utf8'), /bin\/entry\.mjs' "\$@"/)
})

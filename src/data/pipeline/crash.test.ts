import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addDataset } from '../versioning/add.ts'
import { dataStatus } from '../versioning/status.ts'
import { temporaryProject, writeFiles } from '../versioning/testing.ts'
import { repro } from './repro.ts'
import { projectStatus } from './status.ts'

/** A process that does `body` over and over until it is killed; it says when it has begun. */
async function runUntilKilled(root: string, body: string, milliseconds: number): Promise<void> {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
  const script = `
    import { writeFileSync } from 'node:fs'
    import { addDataset, openProject } from ${url('../versioning/index.ts')}
    import { repro } from ${url('index.ts')}
    process.chdir(process.argv[1])
    const project = openProject('.')
    console.log('begun')
    for (let i = 1; ; i++) { ${body} }`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, root], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await sleep(milliseconds)
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('kill -9 at any moment of an add leaves a version that can be restored, and the next add goes well', async () => {
  const project = temporaryProject({ 'd/a': '0', 'd/b': 'same' })
  addDataset(project, 'd')
  for (const milliseconds of [40, 75, 130]) {
    await runUntilKilled(project.root, "writeFileSync('d/a', 'x'.repeat(i)); addDataset(project, 'd')", milliseconds)
    assert.match(readFileSync(join(project.root, 'd.dvc'), 'utf8'), /^outs:\n- md5: [0-9a-f]{32}\.dir\n {2}size: \d+\n {2}nfiles: 2\n {2}hash: md5\n {2}path: d\n$/)
    assert.notEqual(dataStatus(project)[0]?.state, 'not in cache')
    addDataset(project, 'd')
    assert.deepEqual(dataStatus(project), [])
  }
})

test('kill -9 at any moment of a repro leaves a lock whose outputs are in the cache, and the next repro goes well', async () => {
  const project = temporaryProject({
    'in.txt': '0', 'dvc.yaml': 'stages:\n  a: {cmd: cat in.txt > a.txt, deps: [in.txt], outs: [a.txt]}\n  b: {cmd: cat a.txt a.txt > b.txt, deps: [a.txt], outs: [b.txt]}\n',
  })
  for (const milliseconds of [60, 110, 190]) {
    await runUntilKilled(project.root, "writeFileSync('in.txt', String(i)); await repro(project)", milliseconds)
    const states = JSON.stringify(projectStatus(project))
    assert.ok(!existsSync(join(project.root, 'dvc.lock')) || !states.includes('not in cache'), states)
    await repro(project)
    assert.deepEqual(projectStatus(project), {})
    const input = readFileSync(join(project.root, 'in.txt'), 'utf8')
    assert.equal(readFileSync(join(project.root, 'b.txt'), 'utf8'), input + input)
  }
})

test('two processes that work on one project at the same time do not hurt each other', async () => {
  const project = temporaryProject({ 'd/a': '0', 'e/a': '0' })
  const loop = (name: string) => runUntilKilled(project.root, `writeFileSync('${name}/a', '${name}' + i); addDataset(project, '${name}')`, 300)
  await Promise.all([loop('d'), loop('e')])
  for (const name of ['d', 'e']) addDataset(project, name)
  assert.deepEqual(dataStatus(project), [])
  writeFiles(project.root, { 'd/a': 'after' })
  assert.equal(dataStatus(project).length, 1)
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../platform/errors/index.ts'
import { isAlive } from '../versioning/cache.ts'
import { temporaryProject } from '../versioning/testing.ts'
import { killOrphans } from './orphans.ts'
import { repro } from './repro.ts'

/** A stage that starts a process of its own in the background and waits, having written both process ids. */
const WAITING = { 'dvc.yaml': 'stages:\n  s:\n    cmd: sleep 60 & echo "$$ $!" > pids.tmp; mv pids.tmp pids; wait\n    outs: [o]\n' }

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); await sleep(10)) assert.ok(Date.now() < end, 'waited for 10 s')
}

const pids = (root: string) => readFileSync(join(root, 'pids'), 'utf8').trim().split(' ').map(Number)

test('a signal ends the stage with everything it has started', async () => {
  const project = temporaryProject(WAITING)
  const controller = new AbortController()
  const run = assert.rejects(repro(project, { signal: controller.signal }), (error) => error instanceof MillraceError && error.code === 'CANCELLED')
  await until(() => existsSync(join(project.root, 'pids')))
  controller.abort()
  await run
  await until(() => pids(project.root).every((pid) => !isAlive(pid)))
  assert.ok(!existsSync(join(project.root, 'dvc.lock')))
})

test('a stage that a killed runner has left behind is killed by the next one, and the stage runs again', async () => {
  const project = temporaryProject(WAITING)
  const script = `
    import { repro } from ${JSON.stringify(new URL('repro.ts', import.meta.url).href)}
    import { openProject } from ${JSON.stringify(new URL('../versioning/project.ts', import.meta.url).href)}
    await repro(openProject(process.argv[1]))`
  const runner = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, project.root], { stdio: 'inherit' })
  await until(() => existsSync(join(project.root, 'pids')))
  assert.equal(killOrphans(project), 0)
  runner.kill('SIGKILL')
  await once(runner, 'exit')
  assert.ok(pids(project.root).every(isAlive))
  assert.equal(killOrphans(project), 1)
  await until(() => pids(project.root).every((pid) => !isAlive(pid)))
  assert.deepEqual(readdirSync(join(project.tmpDir, 'millrace/running')), [])
})

test('output is handed on while the stage runs, in its two streams', async () => {
  const project = temporaryProject({ 'dvc.yaml': 'stages:\n  s: {cmd: "echo to out; echo to err >&2"}\n' })
  const seen: Record<string, string> = {}
  await repro(project, { onOutput: ({ stage, stream, text }) => { seen[`${stage} ${stream}`] = (seen[`${stage} ${stream}`] ?? '') + text } })
  assert.deepEqual(seen, { 's stdout': 'to out\n', 's stderr': 'to err\n' })
})

test('each command of a list, and each line of a text, has a shell of its own; the first that fails ends the stage', async () => {
  const project = temporaryProject({ 'dvc.yaml': 'stages:\n  s:\n    cmd: |\n      x=1; echo "a$x" >> o\n      echo "b$x" >> o\n    outs: [o]\n  t:\n    cmd: ["false", "touch reached"]\n' })
  await assert.rejects(repro(project), /stage t .*`false` ended with exit code 1/)
  assert.equal(readFileSync(join(project.root, 'o'), 'utf8'), 'a1\nb\n')
  assert.ok(!existsSync(join(project.root, 'reached')))
})

test('a process left in the background does not hold the stage up', async () => {
  const project = temporaryProject({ 'dvc.yaml': 'stages:\n  s:\n    cmd: sleep 30 & echo $! > pid\n    outs: [pid]\n' })
  await repro(project)
  process.kill(Number(readFileSync(join(project.root, 'pid'), 'utf8')))
})

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { pipelinesClient } from '../../sdk/pipelines.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import type { MillraceEvent } from '../api/events.ts'
import { findBreak } from '../platform/events/chain.ts'
import { freePort } from '../platform/http/testing.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** Each stage notes its process when it begins and when it has come to its end; `train` waits for the file `go`. */
const STAGE = `
const fs = require('node:fs')
const [name, input, output] = process.argv.slice(2)
fs.appendFileSync(process.env.NOTES + '/' + name + '.begun', process.pid + '\\n')
if (name === 'train') while (!fs.existsSync(process.env.NOTES + '/go')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
fs.mkdirSync(output, { recursive: true })
fs.writeFileSync(output + '/MLmodel', fs.readFileSync(input))
fs.writeFileSync('metrics.json', '{"auc": 0.7}')
fs.appendFileSync(process.env.NOTES + '/' + name + '.ended', process.pid + '\\n')
`
const PIPELINE = `stages:
  prepare: {cmd: node stage.cjs prepare raw.txt prepared, deps: [raw.txt], outs: [prepared]}
  train: {cmd: node stage.cjs train prepared/MLmodel model, deps: [prepared], outs: [model]}
`

let project: string
let notes: string
let ports: readonly [number, number]
const running = new Set<ChildProcess>()

before(async () => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-killed-')))
  notes = join(project, '.git', 'notes')
  ports = [await freePort(), await freePort()]
  await millrace('init')
  const files = {
    'millrace.yaml': `project: killed\nservices: {tracking: {port: ${ports[0]}}, pipelines: {port: ${ports[1]}}}\n`,
    'dvc.yaml': PIPELINE, 'stage.cjs': STAGE, 'raw.txt': 'flavors: {}\n', '.gitignore': '/.millrace\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text)
  mkdirSync(notes, { recursive: true })
  git('add', '--all')
  git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '--quiet', '--message', 'start')
  await serve('tracking')
})
after(async () => {
  for (const child of running) await kill(child)
  rmSync(project, { recursive: true, force: true })
})

test('an execution survives kill -9 of its service in the middle of a stage: the stage starts again, nothing runs twice to its end', async () => {
  const first = await serve('pipelines')
  const client = pipelinesClient(createTransport(`http://127.0.0.1:${ports[1]}`, { retryForMs: 10_000 }))
  const { execution_id: id } = await client.start({ key: 'in-a-stage', model: 'killed', reason: 'test' })
  const [orphan] = await noted('train.begun', 1)
  await kill(first)
  assert.ok(isAlive(orphan), 'the stage outlived its service')

  await serve('pipelines')
  await noted('train.begun', 2)
  assert.ok(!isAlive(orphan), 'the orphan is gone before the stage starts again')
  writeFileSync(join(notes, 'go'), '')
  const done = await finished(client, id)
  assert.deepEqual(done.stages.map(({ name, state }) => [name, state]), [['prepare', 'finished'], ['train', 'finished']])
  assert.deepEqual([lines('prepare.ended').length, lines('train.ended').length], [1, 1])
  await onlyOnce(id, 'killed', 1)
})

test('an execution that is killed again and again, wherever it is, makes one run, one version and one pair of events', async () => {
  const client = pipelinesClient(createTransport(`http://127.0.0.1:${ports[1]}`, { retryForMs: 10_000 }))
  writeFileSync(join(project, 'raw.txt'), 'flavors: {a: 1}\n')
  git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '--quiet', '--all', '--message', 'other data')
  const { execution_id: id } = await client.start({ key: 'anywhere', model: 'killed', reason: 'test' })
  for (const delay of [60, 120, 180, 240]) {
    await sleep(delay)
    for (const child of running) if (child.spawnargs.includes('pipelines')) await kill(child)
    await serve('pipelines')
  }
  await finished(client, id)
  await onlyOnce(id, 'killed', 2)
  const gone = (): boolean => readdirSync(join(project, '.millrace/pipelines/worktrees')).length === 0 && git('worktree', 'list').split('\n').length === 1
  for (let attempt = 0; attempt < 250 && !gone(); attempt++) await sleep(20)
  assert.ok(gone(), 'the worktrees are removed')
})

async function onlyOnce(id: string, model: string, versions: number): Promise<void> {
  const tracking = trackingClient(createTransport(`http://127.0.0.1:${ports[0]}`))
  const experiment = await tracking.getOrCreateExperiment(model)
  const { runs } = await tracking.searchRuns({ experimentIds: [experiment], filter: `tags.\`millrace.execution_id\` = '${id}'` })
  assert.deepEqual(runs.map(({ info }) => info.status), ['FINISHED'])
  const found = (await tracking.searchVersions({ filter: `name = '${model}'` })).versions
  assert.equal(found.length, versions)
  assert.equal(found.filter(({ tags }) => tags.some(({ value }) => value === id)).length, 1)
  assert.deepEqual((await tracking.listArtifacts(runs[0]?.info.run_id ?? '', 'model')).map(({ path }) => path), ['model/MLmodel'])
  const { events } = await createTransport(`http://127.0.0.1:${ports[1]}`).json<{ events: readonly MillraceEvent[] }>('GET', '/-/outbox')
  assert.equal(findBreak(events), null)
  assert.deepEqual(events.filter(({ subject }) => subject === id).map(({ type }) => type), ['dev.millrace.execution.started', 'dev.millrace.execution.finished'])
}

async function finished(client: ReturnType<typeof pipelinesClient>, id: string) {
  for (let attempt = 0; attempt < 500; attempt++) {
    const execution = await client.get(id)
    if (execution.state === 'finished') return execution
    assert.notEqual(execution.state, 'failed', execution.error ?? '')
    await sleep(30)
  }
  throw new Error(`execution ${id} did not finish: ${await client.log(id)}`)
}

async function serve(name: 'tracking' | 'pipelines'): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', project, 'serve', name], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NOTES: notes, MILLRACE_LOG_LEVEL: 'silent' },
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const control = controlClient(createTransport(`http://127.0.0.1:${ports[name === 'tracking' ? 0 : 1]}`, { retryForMs: 20_000 }))
  await control.health()
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function millrace(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', project, ...args], { stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, `millrace ${args.join(' ')}`)
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: project, encoding: 'utf8' }).trim()
}

/** The process ids in a stage's notes, once there are `count` of them. */
async function noted(name: string, count: number): Promise<readonly number[]> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (lines(name).length >= count) return lines(name).map(Number)
    await sleep(20)
  }
  throw new Error(`${name} has ${lines(name).length} lines in ${dirname(notes)}, expected ${count}`)
}

function lines(name: string): readonly string[] {
  const file = join(notes, name)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter((line) => line !== '') : []
}

/** A process that has ended but that nobody has waited for is not alive. */
function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Summary } from '../../src/cli/demo/summary.ts'
import { SERVICE_NAMES } from '../../src/platform/config/index.ts'
import { freePorts } from '../lib/free-ports.ts'

const launcher = fileURLToPath(new URL('../../bin/millrace.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Demo {
  readonly done: Promise<{ readonly code: number | null; readonly output: string }>
  readonly pid: number
  readonly output: () => string
}

async function startDemo(name: string): Promise<Demo> {
  const args = [launcher, 'demo', '--exit', '--folder', join(folder, name), '--json', join(folder, `${name}.json`)]
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...(await freePorts()) }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  const done = new Promise<{ code: number | null; output: string }>((resolve) => child.once('exit', (code) => resolve({ code, output })))
  assert.ok(child.pid)
  return { done, pid: child.pid, output: () => output }
}

function summary(name: string): Summary {
  const read: Summary = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
  return read
}

test('the loop closes on a tenth of the flights, every step verified, and real dvc has nothing to say', async () => {
  const demo = await startDemo('plain')
  const { code, output } = await demo.done
  assert.equal(code, 0, output)
  const { mean, months, promoted, retrained, seconds, peak_memory_bytes: memory } = summary('plain')
  assert.equal(months.length, 9)
  assert.ok(mean.champion.log_loss < mean.frozen.log_loss, `the loop is worth something: ${JSON.stringify(mean)}`)
  assert.ok(promoted >= 2 && retrained >= 2)
  console.log(`    ${seconds.toFixed(0)} s, ${((memory ?? 0) / 2 ** 20).toFixed(0)} MB, ${JSON.stringify(mean)}`)

  const dvc = join(process.env.MILLRACE_PEERS_VENV ?? '', 'bin', 'dvc')
  const status = spawnSync(dvc, ['status'], { cwd: join(folder, 'plain'), encoding: 'utf8', env: { ...process.env, DVC_NO_ANALYTICS: '1' } })
  assert.equal(status.stdout.trim(), 'Data and pipelines are up to date.', status.stderr)
})

test('the same command again goes on with what is there, and has nothing left to do', async () => {
  const first = summary('plain')
  const { code, output } = await (await startDemo('plain')).done
  assert.equal(code, 0, output)
  assert.deepEqual(summary('plain').months, first.months)
})

test('every service is killed with -9 once in the middle: the demo ends well, with every prediction, label and event, and no execution ran twice', async () => {
  const demo = await startDemo('killed')
  const killed: string[] = []
  const victims = [...SERVICE_NAMES]
  void demo.done.then(() => victims.splice(0))
  while (victims.length > 0) {
    await sleep(killed.length === 0 ? 500 : 4000)
    if (!isLive(join(folder, 'killed'))) continue
    const victim = victims.shift()
    if (victim !== undefined && killService(demo.pid, victim)) killed.push(victim)
  }
  const { code, output } = await demo.done
  assert.equal(code, 0, output)
  assert.deepEqual(killed.toSorted(), [...SERVICE_NAMES].toSorted(), 'each was running when its turn came')
  // The demo has verified that nothing acknowledged is missing. A shadow's line is written after the answer, so a kill may cost a few of those.
  const [killedMean, plainMean] = [summary('killed').mean, summary('plain').mean]
  for (const who of ['frozen', 'champion'] as const) {
    assert.ok(Math.abs(killedMean[who].log_loss - plainMean[who].log_loss) < 0.01, `${who}: ${JSON.stringify([killedMean, plainMean])}`)
  }
})

/** Whether traffic is being replayed: the demo writes down each day that is done. */
function isLive(path: string): boolean {
  const state = join(path, '.millrace-demo.json')
  return existsSync(state) && /"replayedUntil":"/.test(readFileSync(state, 'utf8'))
}

function killService(root: number, service: string): boolean {
  for (const pid of descendants(root)) {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    if (command.includes('serve') && command.includes(service)) {
      process.kill(pid, 'SIGKILL')
      return true
    }
  }
  return false
}

function descendants(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, 'utf8') : ''
      return [{ pid: Number(name), parent: Number(/\) \S (\d+)/.exec(stat)?.[1]) }]
    })
  const found: number[] = []
  const queue = [root]
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const children = parents.filter(({ parent }) => parent === at).map(({ pid }) => pid)
    found.push(...children)
    queue.push(...children)
  }
  return found
}

test('a folder that is not the demo’s own is left alone', async () => {
  const { mkdirSync, writeFileSync } = await import('node:fs')
  mkdirSync(join(folder, 'mine'))
  writeFileSync(join(folder, 'mine', 'thesis.txt'), 'years of work')
  const { code, output } = await (await startDemo('mine')).done
  assert.equal(code, 73)
  assert.match(output, /FOREIGN_FOLDER: .*mine is not empty and was not made by the demo/)
  assert.deepEqual(readdirSync(join(folder, 'mine')), ['thesis.txt'])
})

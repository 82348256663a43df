import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { pino } from 'pino'
import { until } from '../../testing.ts'
import { residentBytes } from './memory.ts'
import { SideProcess, type SideProcessOptions } from './process.ts'

/** A server as the Python program is one: its port to descriptor 3, and it goes when its standard input ends; with a process of its own, which must go with it. */
const SERVER = `
const { writeSync } = require('node:fs')
const { spawn } = require('node:child_process')
process.stdin.resume().on('end', () => process.kill(0, 'SIGKILL'))
const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'])
console.log('the server starts')
require('node:http').createServer((request, response) => response.end(JSON.stringify({ pid: process.pid, child: child.pid }))).listen(0, '127.0.0.1', function () {
  writeSync(3, this.address().port + '\\n')
})
`

interface Who {
  readonly pid: number
  readonly child: number
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('a process beside serving', () => {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) })
  const started: SideProcess[] = []
  after(() => Promise.all(started.map((one) => one.stop())))
  const start = async (program: string, options: Partial<SideProcessOptions> = {}): Promise<SideProcess> => {
    const made = await SideProcess.start({ name: 'price version 3', command: [process.execPath, '-e', program], environment: process.env, log, firstPauseMs: 1, ...options })
    started.push(made)
    return made
  }
  const who = (side: SideProcess): Promise<Who> => side.transport.json<Who>('POST', '/invocations')

  test('answers once it is started, what it prints is in the log, and it goes with all that it started', async () => {
    const side = await start(SERVER)
    const { pid, child } = await who(side)
    assert.ok(alive(pid) && alive(child))
    assert.ok(lines.some((line) => line.includes('the server starts')))
    await side.stop()
    await until(() => !alive(pid) && !alive(child))
    assert.throws(() => side.transport, { code: 'MODEL_NOT_READY' })
  })

  test('killed, it is not ready, says so, and comes back by itself', async () => {
    const side = await start(SERVER, { firstPauseMs: 200 })
    const before = await who(side)
    process.kill(before.pid, 'SIGKILL')
    await until(() => {
      try {
        return !side.transport
      } catch (error) {
        assert.match(String(error), /price version 3 does not answer, and is started again: it was ended by SIGKILL/)
        return true
      }
    })
    await until(() => !alive(before.child))
    await until(() => side.pid !== before.pid && side.pid !== undefined)
    const back = await untilAnswered(side)
    assert.notEqual(back.pid, before.pid)
  })

  test('one that ends before it answers is refused with its last words', async () => {
    await assert.rejects(start('console.error("No module named mlflow"); process.exit(3)'), { code: 'MODEL_INVALID', message: /price version 3 did not start: it ended with code 3: No module named mlflow/ })
    await assert.rejects(start('setInterval(() => 0, 1000)', { startTimeoutMs: 300 }), { code: 'MODEL_INVALID', message: /did not answer within 0\.3 s/ })
    await assert.rejects(start('', { command: ['no-such-python'] }), { code: 'MODEL_INVALID', message: /ENOENT/ })
  })

  test('it goes when the one that started it is killed', async () => {
    const parent = spawn(process.execPath, ['-e', `const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(SERVER)}], { detached: true, stdio: ['pipe', 'ignore', 'ignore', 'pipe'] }); child.stdio[3].once('data', () => console.log(child.pid))`], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [pid] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
    parent.kill('SIGKILL')
    await until(() => !alive(Number(pid)))
  })

  async function untilAnswered(side: SideProcess): Promise<Who> {
    for (;;) {
      try {
        return await who(side)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
})

test('memory is that of a process and of what it started, where the system tells it', async () => {
  if (process.platform !== 'linux') return assert.equal(residentBytes(process.pid), null)
  const parent = spawn(process.execPath, ['-e', `require('node:child_process').spawn(process.execPath, ['-e', 'const held = Buffer.alloc(64 << 20, 1); console.log(held.length); setInterval(() => 0, 1000)'], {stdio: ['ignore', 'inherit', 'inherit']})`], { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const { pid = 0 } = parent
  try {
    await once(parent.stdout, 'data')
    const alone = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
    assert.ok((residentBytes(pid) ?? 0) > alone + 64 * 1024 * 1024)
  } finally {
    process.kill(-pid, 'SIGKILL')
  }
  await once(parent, 'close')
  assert.equal(residentBytes(pid), null)
})

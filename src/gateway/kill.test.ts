import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { EventPage } from '../api/events.ts'
import { freePort } from '../platform/http/testing.ts'
import { openEventLogDatabase, verifyLog } from './event-log/index.ts'
import { configFor, inTemporaryFolder, startPeer, until } from './testing.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const EVENTS = 300
const KILLS = 3

test('a gateway killed again and again while events come in has each of them once, in order, and its log verifies', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  await inTemporaryFolder(async (folder) => {
    const port = await freePort()
    // The addresses of all services, lest it meets a system that happens to run on this machine.
    const { services } = configFor({ tracking: tracking.url })
    writeFileSync(join(folder, 'millrace.yaml'), JSON.stringify({ project: 'test', services: { ...services, gateway: { port } } }))
    const environment = { ...process.env, MILLRACE_LOG_LEVEL: 'silent' }
    const start = (): ChildProcess => spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'serve', 'gateway'], { cwd: folder, env: environment, stdio: 'ignore' })
    const page = async (): Promise<EventPage> => {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/events?after=0&limit=1000`)
        return (await response.json()) as EventPage
      } catch {
        // It is just starting or was just killed.
        return { events: [], position: 0 }
      }
    }
    let gateway = start()
    t.after(() => gateway.kill('SIGKILL'))
    let emitted = 0
    for (let round = 1; round <= KILLS; round++) {
      const share = Math.ceil((EVENTS * round) / (KILLS + 1))
      while (emitted < share) await tracking.emit(`model-${++emitted}`)
      await until(page, ({ position }) => position > share - 60)
      gateway.kill('SIGKILL')
      await once(gateway, 'exit')
      gateway = start()
    }
    while (emitted < EVENTS) await tracking.emit(`model-${++emitted}`)
    const { events } = await until(page, ({ position }) => position >= EVENTS)
    assert.deepEqual(events.map(({ position, event }) => [position, event.subject]), Array.from({ length: EVENTS }, (_, i) => [i + 1, `model-${i + 1}`]))
    gateway.kill('SIGTERM')
    await once(gateway, 'exit')
    const db = await openEventLogDatabase(configFor({}), folder)
    const found = await verifyLog(db, join(folder, '.millrace', 'gateway'))
    await db.close()
    assert.deepEqual([found.ok, found.events, found.problems], [true, EVENTS, []])
    assert.deepEqual(found.sources.map(({ signed_seq: signed }) => signed), [EVENTS])
  })
})

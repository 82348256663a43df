import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { openEventLogDatabase } from '../gateway/event-log/index.ts'
import { configFor, inTemporaryFolder, startGateway, startPeer, until } from '../gateway/testing.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

function millrace(folder: string, gateway: string, ...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, MILLRACE_GATEWAY_URL: gateway }
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', main, '-C', folder, 'events', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

test('events are shown oldest first and by type, and the log verifies running and at rest, until somebody edits it', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  for (const model of ['a', 'b', 'c']) await tracking.emit(model)
  await inTemporaryFolder(async (folder) => {
    writeFileSync(join(folder, 'millrace.yaml'), 'project: test\n')
    const config = configFor({ tracking: tracking.url })
    const gateway = await startGateway(t, config, folder)
    await until(() => gateway.json<{ position: number }>('/events/head'), ({ position }) => position === 3)
    const [tail, none, running] = await Promise.all([
      millrace(folder, gateway.url, 'tail', '-n', '2'),
      millrace(folder, gateway.url, 'tail', '--types', 'run.finished'),
      millrace(folder, gateway.url, 'verify'),
    ])
    assert.match(tail.stdout, /^ +2 .* model\.created +b +\{"model":"b"\}\n +3 .* model\.created +c +\{"model":"c"\}\n$/)
    assert.equal(none.stdout, '')
    assert.deepEqual([running.code, running.stderr], [0, ''])
    assert.match(running.stdout, /^ok +tracking +3 events, signed up to 3\n3 events in all, \d+ signed heads?\n$/)
    await gateway.stop()

    const db = await openEventLogDatabase(config, folder)
    await sql`update log_events set event = replace(event, '"model":"b"', '"model":"z"') where seq = 2`.execute(db.kysely)
    await db.close()
    const edited = await millrace(folder, gateway.url, 'verify')
    assert.equal(edited.code, 65)
    assert.match(edited.stdout, /^BROKEN +tracking/)
    assert.match(edited.stderr, /EVENT_CHAIN_BROKEN: \/tracking: event 2 was changed after it was written/)
  })
})

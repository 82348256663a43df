import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import type { Verification } from '../../api/event-log.ts'
import type { EventPage } from '../../api/events.ts'
import { configFor, inTemporaryFolder, startGateway, startPeer, until } from '../testing.ts'
import { type EventLogSchema, openEventLogDatabase, verifyLog } from './index.ts'

/** Makes a log of three events with its signed heads, stops the gateway, does `harm`, and verifies the files. */
async function verifyAfter(t: TestContext, harm: (db: Kysely<EventLogSchema>, folder: string) => Promise<void> | void): Promise<Verification> {
  let found: Verification | undefined
  await inTemporaryFolder(async (project) => {
    const tracking = await startPeer(t, 'tracking')
    for (const model of ['a', 'b', 'c']) await tracking.emit(model)
    const config = configFor({ tracking: tracking.url })
    const gateway = await startGateway(t, config, project)
    await until(() => gateway.json<EventPage>('/events?after=0'), ({ events }) => events.length === 3)
    await gateway.stop()
    const folder = join(project, '.millrace', 'gateway')
    const db = await openEventLogDatabase(config, project)
    await harm(db.kysely, folder)
    found = await verifyLog(db, folder)
    await db.close()
  })
  assert.ok(found)
  return found
}

const problemsOf = (found: Verification): readonly string[] => [...found.problems, ...found.sources.flatMap(({ problems }) => problems)]

test('a log that nobody touched verifies, and its heads are signed up to its end', async (t) => {
  const found = await verifyAfter(t, (_db, folder) => {
    assert.equal(statSync(join(folder, 'keys', 'heads.key')).mode & 0o777, 0o600)
  })
  assert.equal(found.ok, true)
  assert.equal(found.events, 3)
  assert.deepEqual(found.sources.map(({ source, seq, signed_seq: signed }) => [source, seq, signed]), [['tracking', 3, 3]])
})

test('an event that was edited is found', async (t) => {
  const found = await verifyAfter(t, async (db) => {
    await sql`update log_events set event = replace(event, '"model":"b"', '"model":"z"') where seq = 2`.execute(db)
  })
  assert.deepEqual(problemsOf(found), ['/tracking: event 2 was changed after it was written'])
})

test('a tail that was cut off is found, though what is left is a whole chain', async (t) => {
  const found = await verifyAfter(t, async (db) => {
    await sql`delete from log_events where seq = 3`.execute(db)
    await sql`update log_head set position = 2`.execute(db)
    await sql`update log_sources set seq = 2`.execute(db)
  })
  assert.equal(problemsOf(found).length, 1)
  assert.match(problemsOf(found)[0] ?? '', /^tracking: the log ends at event 2, and event 3 was signed at /)
})

test('a column that contradicts its event is found', async (t) => {
  const found = await verifyAfter(t, async (db) => {
    await sql`update log_events set type = 'dev.millrace.run.finished' where seq = 1`.execute(db)
  })
  assert.deepEqual(problemsOf(found), ['tracking: event 1: its columns do not agree with what it says'])
})

test('signed heads that were removed, forged or cut are found', async (t) => {
  const removed = await verifyAfter(t, (_db, folder) => rmSync(join(folder, 'heads.ndjson')))
  assert.deepEqual(problemsOf(removed), ['tracking: no signed head tells of its 3 events'])

  const forged = await verifyAfter(t, (_db, folder) => {
    const file = join(folder, 'heads.ndjson')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"seq":3/, '"seq":2'))
  })
  assert.ok(problemsOf(forged).some((problem) => /^heads\.ndjson:\d+: its signature is not good$/.test(problem)))
})

test('a line of heads whose write was cut short by a kill is no contradiction', async (t) => {
  const found = await verifyAfter(t, (_db, folder) => writeFileSync(join(folder, 'heads.ndjson'), '{"hash":"ab', { flag: 'a' }))
  assert.equal(found.ok, true)
})

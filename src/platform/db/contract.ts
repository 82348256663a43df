import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createEventsTables, type EventsSchema, Outbox } from '../events/outbox.ts'
import { wallClock } from '../clock/index.ts'
import { openDatabase, rollBackDatabase } from './index.ts'
import type { Database, DatabaseOptions, Migration } from './port.ts'
import { insertStatement, statement } from './statement.ts'

interface ContractSchema extends EventsSchema {
  things: { id: string; at: number; share: number; note: string | null; bytes: Uint8Array }
}

const migrations: readonly Migration[] = [
  {
    name: '001-things',
    up: async (db, { bytesType }) => {
      await db.schema
        .createTable('things')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('share', 'double precision', (c) => c.notNull())
        .addColumn('note', 'text')
        .addColumn('bytes', sql.raw(bytesType), (c) => c.notNull())
        .execute()
    },
  },
  { name: '002-outbox', up: createEventsTables },
]

/** What every driver of the database port promises. `options` names a fresh, empty database; twice with one `name` it is the same one. */
export function databaseContract(
  driver: string,
  options: (name: string, migrations: readonly Migration[]) => DatabaseOptions,
): void {
  const open = (name: string, list: readonly Migration[]): Promise<Database<ContractSchema>> => openDatabase<ContractSchema>(options(name, list))
  const rollBack = (name: string, list: readonly Migration[], to: string) => rollBackDatabase(options(name, list), to)
  const thing = (id: string) => ({ id, at: 1_764_000_000_123, share: 0.1, note: null, bytes: Uint8Array.of(0, 255) })

  test(`${driver}: values come back as they went in`, async () => {
    const db = await open('values', migrations)
    await db.kysely.insertInto('things').values(thing('é😀')).execute()
    const row = await db.kysely.selectFrom('things').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual({ ...row, bytes: Uint8Array.from(row.bytes) }, thing('é😀'))
    await db.close()
  })

  test(`${driver}: prepared statements write and read many rows, within a transaction and beside it`, async () => {
    const db = await open('statements', migrations)
    await db.kysely.insertInto('things').values(thing('old')).execute()
    const add = insertStatement('outbox', { seq: 'bigint', event: 'text' }, '(seq) do update set event = excluded.event')
    const find = statement<[seq: number, event: string]>({ seq: 'bigint' }, 'select outbox.seq, outbox.event from {given} inner join outbox on outbox.seq = given.seq')
    const change = statement({ id: 'text', at: 'bigint', share: 'double precision' }, 'update things set at = given.at, share = given.share from {given} where things.id = given.id')
    const rows = [[1, 'a'], [2, 'it\'s "b", {c}\\'], [3, '']] as const
    await db.transaction(async (trx) => {
      await db.each(trx, add, rows)
      await db.each(trx, add, [[3, 'c']])
      await db.each(trx, change, [['old', 1_764_000_000_124, Number.POSITIVE_INFINITY]])
      assert.deepEqual(await db.each(trx, find, [[2]]), [[2, rows[1][1]]])
      assert.deepEqual(await db.each(db.reading, find, [[2]]), [], 'not committed yet')
    })
    assert.deepEqual((await db.each(db.reading, find, [[3], [1], [9]])).toSorted(([a], [b]) => a - b), [[1, 'a'], [3, 'c']])
    assert.deepEqual(await db.each(db.reading, find, []), [])
    const { at, share } = await db.reading.selectFrom('things').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([at, share], [1_764_000_000_124, Number.POSITIVE_INFINITY])
    await db.close()
  })

  test(`${driver}: a transaction that throws leaves nothing behind`, async () => {
    const db = await open('atomic', migrations)
    const failed = db.transaction(async (trx) => {
      await trx.insertInto('things').values(thing('a')).execute()
      throw new Error('on purpose')
    })
    await assert.rejects(failed, /on purpose/)
    assert.equal((await db.kysely.selectFrom('things').selectAll().execute()).length, 0)
    await db.close()
  })

  test(`${driver}: concurrent transactions on one row lose no update`, async () => {
    const db = await open('concurrent', migrations)
    await db.kysely.insertInto('things').values({ ...thing('n'), at: 0 }).execute()
    const add = () =>
      db.transaction(async (trx) => {
        await trx.updateTable('things').set((e) => ({ at: e('at', '+', 1) })).where('id', '=', 'n').execute()
      })
    await Promise.all(Array.from({ length: 40 }, add))
    assert.equal((await db.kysely.selectFrom('things').select('at').executeTakeFirstOrThrow()).at, 40)
    await db.close()
  })

  test(`${driver}: two that open it together migrate it once`, async () => {
    const first = await open('together', migrations)
    const second = await open('together', migrations)
    assert.equal((await second.kysely.selectFrom('things').selectAll().execute()).length, 0)
    await first.close()
    await second.close()
  })

  test(`${driver}: of many that start at once on an empty database one migrates and the others wait`, async () => {
    const counted: string[] = []
    const slow: Migration = {
      name: '003-slow',
      up: async () => {
        counted.push('up')
        await new Promise((resolve) => setTimeout(resolve, 50))
      },
    }
    const opened = await Promise.all(Array.from({ length: 4 }, () => open('at-once', [...migrations, slow])))
    assert.deepEqual(counted, ['up'])
    await opened[0]?.kysely.insertInto('things').values(thing('a')).execute()
    assert.equal((await opened[3]?.kysely.selectFrom('things').selectAll().execute())?.length, 1)
    await Promise.all(opened.map((db) => db.close()))
  })

  test(`${driver}: a database from a newer version is refused by name and left as it is`, async () => {
    const newer = await open('newer', migrations)
    await assert.rejects(open('newer', migrations.slice(0, 1)), { code: 'MIGRATION_UNKNOWN', message: /newer version of Millrace.*does not know its migration 002-outbox\. Nothing was changed/ })
    await newer.kysely.insertInto('things').values(thing('still')).execute()
    await newer.close()
  })

  test(`${driver}: when one of several migrations fails, none of them is applied, and the next start tries again`, async () => {
    const first = await open('failing', migrations)
    await first.kysely.insertInto('things').values(thing('kept')).execute()
    await first.close()
    const extra: Migration = { name: '003-extra', up: (db) => sql`create table extra (id text)`.execute(db).then(() => undefined) }
    const broken: Migration = { name: '004-broken', up: (db) => sql`insert into missing_table values (1)`.execute(db).then(() => undefined) }
    await assert.rejects(open('failing', [...migrations, extra, broken]), { code: 'MIGRATION_FAILED', message: /^migration 004-broken failed and was undone: / })
    const again = await open('failing', [...migrations, extra])
    await sql`insert into extra values ('x')`.execute(again.kysely)
    assert.equal((await again.kysely.selectFrom('things').selectAll().execute()).length, 1)
    await again.close()
  })

  test(`${driver}: a migration that says how is taken back, with nothing else; one that does not is refused`, async () => {
    const extra: Migration = {
      name: '003-extra',
      up: (db) => sql`create table extra (id text)`.execute(db).then(() => undefined),
      down: (db) => sql`drop table extra`.execute(db).then(() => undefined),
    }
    const all = [...migrations, extra]
    const db = await open('back', all)
    await db.kysely.insertInto('things').values(thing('kept')).execute()
    await db.close()
    assert.deepEqual(await rollBack('back', all, '002-outbox'), ['003-extra'])
    assert.deepEqual(await rollBack('back', all, '002-outbox'), [])
    await assert.rejects(rollBack('back', all, '001-things'), { code: 'MIGRATION_IRREVERSIBLE' })
    await assert.rejects(rollBack('back', all, '009-never'), { code: 'NOT_FOUND' })
    const older = await open('back', migrations)
    assert.equal((await older.kysely.selectFrom('things').selectAll().execute()).length, 1)
    await assert.rejects(sql`select * from extra`.execute(older.kysely))
    await older.close()
  })

  test(`${driver}: LIKE tells upper from lower case`, async () => {
    const db = await open('like', migrations)
    await db.kysely.insertInto('things').values(thing('Abc')).execute()
    const like = (pattern: string) => db.kysely.selectFrom('things').where('id', 'like', pattern).selectAll().execute()
    assert.equal((await like('A%')).length, 1)
    assert.equal((await like('a%')).length, 0)
    await db.close()
  })

  test(`${driver}: events of concurrent transactions form one chain without a gap`, async () => {
    const db = await open('outbox', migrations)
    const outbox = new Outbox(db, 'contract', wallClock)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        db.transaction((trx) => outbox.emit(trx, 'dev.millrace.model.created', `model-${i}`, { model: `model-${i}` })),
      ),
    )
    const events = await outbox.read(0, 100)
    assert.deepEqual(events.map((e) => e.seq), Array.from({ length: 20 }, (_, i) => i + 1))
    for (const [i, event] of events.entries()) {
      assert.equal(event.previoushash, i === 0 ? '0'.repeat(64) : events[i - 1]?.hash)
    }
    await db.close()
  })
}

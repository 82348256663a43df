import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createEventsTables, type EventsSchema, Outbox } from '../events/outbox.ts'
import { wallClock } from '../clock/index.ts'
import type { Database, Migration } from './port.ts'

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

/** What every driver of the database port promises. `open` gives a fresh, empty database; opened twice on one `name` it is the same one. */
export function databaseContract(
  driver: string,
  open: (name: string, migrations: readonly Migration[]) => Promise<Database<ContractSchema>>,
): void {
  const thing = (id: string) => ({ id, at: 1_764_000_000_123, share: 0.1, note: null, bytes: Uint8Array.of(0, 255) })

  test(`${driver}: values come back as they went in`, async () => {
    const db = await open('values', migrations)
    await db.kysely.insertInto('things').values(thing('é😀')).execute()
    const row = await db.kysely.selectFrom('things').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual({ ...row, bytes: Uint8Array.from(row.bytes) }, thing('é😀'))
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

  test(`${driver}: a database from a newer version is refused by name`, async () => {
    const newer = await open('newer', migrations)
    await assert.rejects(open('newer', migrations.slice(0, 1)), { code: 'MIGRATION_UNKNOWN' })
    await newer.close()
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

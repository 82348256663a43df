import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import { databaseContract } from './contract.ts'
import { openDatabase } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
after(() => rmSync(folder, { recursive: true, force: true }))

databaseContract('sqlite', (name, migrations) => openDatabase({ url: `sqlite:${join(folder, `${name}.db`)}`, schema: name, migrations }))

test('sqlite: a full disk is told as such, though SQLite has rolled back by itself, and the next transaction works', async () => {
  const up = async (db: Kysely<Record<string, never>>): Promise<void> => {
    await sql`create table rows (text text not null)`.execute(db)
  }
  const db = await openDatabase<{ rows: { text: string } }>({ url: `sqlite:${join(folder, 'full.db')}`, schema: 'full', migrations: [{ name: '001', up }] })
  const fill = (text: string) =>
    db.transaction(async (trx) => {
      await trx.insertInto('rows').values({ text }).execute()
    })
  await sql`pragma max_page_count = 20`.execute(db.kysely)
  await assert.rejects(fill('x'.repeat(500_000)), /database or disk is full/)
  await fill('small')
  assert.equal((await db.kysely.selectFrom('rows').selectAll().execute()).length, 1)
  await db.close()
})

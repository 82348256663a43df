import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import { databaseContract } from './contract.ts'
import { openDatabase } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-sqlite-'))
after(() => rmSync(folder, { recursive: true, force: true }))

databaseContract('sqlite', (name, migrations) => ({ url: `sqlite:${join(folder, `${name}.db`)}`, schema: name, migrations }))

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

test('sqlite: before a database is changed a copy of it is kept, of which the newest three stay; it can be put in its place', async () => {
  const path = join(folder, 'copied', 'copied.db')
  const table = (number: number) => ({
    name: `00${number}`,
    up: async (db: Kysely<Record<string, never>>): Promise<void> => {
      await sql`create table t${sql.raw(String(number))} (id integer)`.execute(db)
      await sql`insert into t${sql.raw(String(number))} values (1)`.execute(db)
    },
  })
  const upTo = (last: number) => Array.from({ length: last }, (_, i) => table(i + 1))
  const open = (last: number) => openDatabase({ url: `sqlite:${path}`, schema: 'copied', migrations: upTo(last) })
  await (await open(1)).close()
  assert.equal(readdirSync(join(folder, 'copied')).includes('backups'), false, 'nothing to lose in a new database')
  for (let last = 2; last <= 6; last++) await (await open(last)).close()
  const copies = readdirSync(join(folder, 'copied', 'backups')).map((name) => name.replace(/^copied-\d{8}T\d{6}Z-/, '')).toSorted()
  assert.deepEqual(copies, ['before-004.db', 'before-005.db', 'before-006.db'])
  await assert.rejects(open(4), { code: 'MIGRATION_UNKNOWN', message: /migrations 005, 006/ })

  const copy = readdirSync(join(folder, 'copied', 'backups')).find((name) => name.endsWith('before-005.db')) ?? ''
  copyFileSync(join(folder, 'copied', 'backups', copy), path)
  const older = await open(4)
  assert.equal((await sql`select * from t4`.execute(older.kysely)).rows.length, 1)
  await older.close()
})

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ScoredRecord } from '../../api/serving.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { openDatabase } from '../../platform/db/index.ts'
import { DuckDB } from '../duckdb.ts'
import { readAnswers } from '../performance/answers.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { Lake } from './lake.ts'
import { storeRecords } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-lake-'))
const duckdb = new DuckDB()
after(async () => {
  await duckdb.close()
  rmSync(folder, { recursive: true, force: true })
})

const START = Date.parse('2013-04-01T00:00:00Z')
const answer = (id: string, time: number, features: Readonly<Record<string, string | number | null>>): ScoredRecord => ({
  id, row: 0, model: 'm', version: '1', alias: 'champion', role: 'champion', time, score: 0.5, features,
})

test('each day that is over gets its file, days without requests none; inputs leave the database only when they stand in one', async () => {
  const db = await openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations })
  const lake = new Lake(db, duckdb, folder)
  const store = (from: number, ...records: ScoredRecord[]) => db.transaction((trx) => storeRecords(trx, records, from, from + 100))
  await store(0, answer('a', START + 1000, { hour: 1, "it's": 'UA' }), answer('b', START + 2 * DAY_MS, { hour: null, dest: 'LAX' }))
  const written: (string | null)[] = []
  for (let i = 0; i < 3; i++) {
    const day = await lake.writeNextDay('m', START + 3 * DAY_MS - 1)
    written.push(day === null ? null : new Date(day).toISOString().slice(0, 10))
  }
  assert.deepEqual(written, ['2013-04-01', null, null])
  assert.notEqual(await lake.writeNextDay('m', START + 3 * DAY_MS), null)
  assert.deepEqual(readdirSync(join(folder, 'model=m')).sort(), ['date=2013-04-01.parquet', 'date=2013-04-03.parquet'])
  const files = join(folder, 'model=m', '*.parquet')
  const reader = await duckdb.use((connection) =>
    connection.runAndReadAll(`select request_id, "input.hour" as hour, "input.it's" as carrier, "input.dest" as dest from read_parquet('${files}', union_by_name = true) order by 1`),
  )
  assert.deepEqual(reader.getRowObjectsJS(), [
    { request_id: 'a', hour: 1, carrier: 'UA', dest: null },
    { request_id: 'b', hour: null, carrier: null, dest: 'LAX' },
  ])

  await store(100, answer('late', START + 2000, { hour: 2 }))
  await lake.forgetInputs('m', START + DAY_MS)
  const kept = await db.kysely.selectFrom('inputs').innerJoin('requests', 'requests.pid', 'inputs.pid').select('request_id').orderBy('request_id').execute()
  assert.deepEqual(kept.map(({ request_id }) => request_id), ['b', 'late'])
  assert.equal((await readAnswers(db.kysely, 'm', { start: 0, end: START + 9 * DAY_MS })).pids.length, 3)
  await db.close()
})

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Scalar } from '../../../api/serving.ts'
import { DuckDb, literal } from '../../../platform/duckdb/index.ts'
import { joinAsOf, prepareViews } from '../join.ts'
import { exampleDefinitions } from './example.ts'
import { MemoryOnlineStore } from './memory-store.ts'
import { OnlineFeatures } from './service.ts'
import { onlineViews } from './view.ts'

const START = Date.parse('2013-04-01T00:00:00Z')
const MINUTE = 60_000
const REFERENCES = ['weather:temp', 'weather:sky', 'recent_delays:mean_delay', 'recent_delays:late_share', 'recent_delays:departures', 'recent_delays:delay_sum'] as const
const TEXTS = new Set(['weather:sky'])

const origin = fc.constantFrom('EWR', 'LGA')
/** Few distinct moments, so that ties and both ends of windows and of the ttl are hit often. */
const halfHours = fc.integer({ min: 0, max: 16 }).map((n) => START + n * 30 * MINUTE)
const weatherRow = fc.record({
  origin,
  time_hour: halfHours,
  temp: fc.option(fc.integer({ min: -5, max: 5 })),
  sky: fc.option(fc.constantFrom('clear', 'rain')),
})
const departure = fc.record({ origin, time_hour: halfHours, minute: fc.constantFrom(0, 1, 30), dep_delay: fc.option(fc.constantFrom(-1, 0, 15, 16, 30, 60)) })
const question = fc.record({ origin: fc.constantFrom('EWR', 'LGA', 'JFK'), moment: fc.tuple(halfHours, fc.constantFrom(-1, 0, 1)).map(([time, ms]) => time + ms) })
const scenario = fc.record({
  weather: fc.array(weatherRow, { maxLength: 12 }),
  departures: fc.array(departure, { maxLength: 25 }),
  questions: fc.array(question, { minLength: 1, maxLength: 20 }),
  batch: fc.integer({ min: 1, max: 7 }),
  order: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
})

test('online and offline answer alike, for every moment and in whatever order and batches the rows were pushed', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ weather, departures, questions, batch, order }) => {
      // Each version of a row is written at another time, in the order of the list.
      const observed = weather.map((row, i) => ({ ...row, written: START + i * 1000 }))
      const flown = departures.map((row, flight) => ({ ...row, flight }))
      assert.deepEqual(await online(shuffled(observed, order), shuffled(flown, order), questions, batch), await offline(observed, flown, questions))
    }),
    { numRuns: 20 },
  )
})

type Row = Readonly<Record<string, Scalar>>
type Question = { readonly origin: string; readonly moment: number }

async function online(weather: readonly Row[], departures: readonly Row[], questions: readonly Question[], batch: number): Promise<unknown> {
  const features = new OnlineFeatures(new MemoryOnlineStore(), () => new Date(START + 86_400_000))
  await features.define(onlineViews(exampleDefinitions()))
  for (const [view, rows] of Object.entries({ weather, recent_delays: departures })) {
    for (let at = 0; at < rows.length; at += batch) await features.push({ push_source_name: view, df: columnsOf(rows.slice(at, at + batch)) })
  }
  const { results } = features.answer(
    { features: REFERENCES, entities: { origin: questions.map((q) => q.origin) }, as_of: questions.map(({ moment }) => moment) },
    0,
  )
  return Object.fromEntries(REFERENCES.map((name, i) => [name, results[i + 1]?.values]))
}

async function offline(weather: readonly Row[], departures: readonly Row[], questions: readonly Question[]): Promise<unknown> {
  const root = mkdtempSync(join(tmpdir(), 'millrace-parity-'))
  const database = await DuckDb.open()
  try {
    mkdirSync(join(root, 'data', 'flights'), { recursive: true })
    const time = `make_timestamptz(CAST(time_hour AS BIGINT) * 1000) AS time_hour`
    await write(database, join(root, 'data', 'weather.parquet'), 'origin VARCHAR, time_hour BIGINT, temp DOUBLE, sky VARCHAR, written BIGINT', weather, `* REPLACE (${time})`)
    await write(database, join(root, 'data', 'flights', 'a.parquet'), 'origin VARCHAR, time_hour BIGINT, minute INTEGER, dep_delay INTEGER, flight INTEGER', departures, `* REPLACE (${time})`)
    await database.run(`CREATE TABLE spine (id INTEGER, origin VARCHAR, _us BIGINT)`)
    await database.run(`INSERT INTO spine VALUES ${questions.map((q, i) => `(${i}, ${literal(q.origin)}, ${q.moment * 1000})`).join(', ')}`)
    const views = await prepareViews(database, root, exampleDefinitions(), REFERENCES)
    const table = await database.columns(`SELECT * EXCLUDE (id, _us) FROM (${joinAsOf(views, 'spine')}) ORDER BY id`)
    return Object.fromEntries(
      REFERENCES.map((name) => {
        const column = name.replace(':', '__')
        return [name, TEXTS.has(name) ? table.strings(column) : [...table.numbers(column)].map((value) => (Number.isNaN(value) ? null : value))]
      }),
    )
  } finally {
    database.close()
    rmSync(root, { recursive: true, force: true })
  }
}

async function write(database: DuckDb, file: string, columns: string, rows: readonly Row[], select: string): Promise<void> {
  const names = columns.split(', ').map((column) => column.split(' ')[0] ?? '')
  await database.run(`CREATE OR REPLACE TEMP TABLE pushed (${columns})`)
  const values = rows.map((row) => `(${names.map((name) => sqlValue(row[name] ?? null)).join(', ')})`)
  if (values.length > 0) await database.run(`INSERT INTO pushed VALUES ${values.join(', ')}`)
  await database.run(`COPY (SELECT ${select} FROM pushed) TO ${literal(file)} (FORMAT parquet)`)
}

function sqlValue(value: Scalar): string {
  return typeof value === 'string' ? literal(value) : String(value)
}

function columnsOf(rows: readonly Row[]): Record<string, Scalar[]> {
  return Object.fromEntries(Object.keys(rows[0] ?? {}).map((column) => [column, rows.map((row) => row[column] ?? null)]))
}

function shuffled<T>(rows: readonly T[], order: readonly number[]): T[] {
  return rows.map((row, i) => ({ row, at: order[i] ?? 0 })).sort((a, b) => a.at - b.at).map(({ row }) => row)
}

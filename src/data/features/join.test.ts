import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import { DuckDb, literal } from '../../platform/duckdb/index.ts'
import type { FeatureDefinitions } from './definition.ts'
import { joinAsOf, prepareViews } from './join.ts'
import { parseDefinitions } from './parse.ts'

/**
 * The join against a loop over rows that says the same in the plainest way. Times are small numbers of minutes, so that events, moments, ends of
 * windows and ends of lives often fall together.
 */
const START = Date.UTC(2013, 0, 1)
const TTL = 5
const WINDOW = 4

const definitions: FeatureDefinitions = parseDefinitions([
  { file: 'airport.yaml', text: 'kind: entity\nname: airport\njoin_key: origin\n' },
  {
    file: 'weather.yaml',
    text: `kind: latest\nname: weather\nentity: airport\nsource: {path: weather.parquet, time: {column: at}, created: written}\nttl: ${TTL}m\nfeatures: [{name: temp}]\n`,
  },
  { file: 'runway.yaml', text: 'kind: latest\nname: runway\nentity: airport\nsource: {path: weather.parquet, time: {column: at}, created: written}\nfeatures: [{name: heat, column: temp}]\n' },
  {
    file: 'delays.yaml',
    text: `kind: window
name: delays
entity: airport
source: {path: flights.parquet, time: {column: sched, plus_minutes: [delay]}}
window: ${WINDOW}m
features:
  - {name: mean, aggregate: mean, column: delay}
  - {name: late, aggregate: share, column: delay, above: 2}
  - {name: sum, aggregate: sum, column: delay}
  - {name: count, aggregate: count}
`,
  },
])
const REFERENCES = ['weather:temp', 'runway:heat', 'delays:mean', 'delays:late', 'delays:sum', 'delays:count']

interface Observation {
  readonly origin: string
  readonly at: number
  readonly written: number
  readonly temp: number | null
}
interface Flight {
  readonly origin: string
  readonly sched: number
  readonly delay: number | null
}
interface Ask {
  readonly origin: string
  readonly moment: number
}

const minute = fc.integer({ min: 0, max: 20 })
const origin = fc.constantFrom('JFK', 'LGA')
const observations = fc.uniqueArray(
  fc.record({ origin, at: minute, written: minute, temp: fc.option(fc.integer({ min: -5, max: 5 })) }),
  { maxLength: 12, selector: ({ origin: where, at, written }) => `${where} ${at} ${written}` },
)
const flights = fc.array(fc.record({ origin, sched: minute, delay: fc.option(fc.integer({ min: -3, max: 6 })) }), { maxLength: 15 })
const asks = fc.array(fc.record({ origin: fc.constantFrom('JFK', 'LGA', 'EWR'), moment: minute }), { minLength: 1, maxLength: 12 })

function oracle(ask: Ask, weather: readonly Observation[], departures: readonly Flight[]): (number | null)[] {
  let latest: Observation | undefined
  for (const row of weather) {
    if (row.origin !== ask.origin || row.at > ask.moment) continue
    if (latest === undefined || row.at > latest.at || (row.at === latest.at && row.written > latest.written)) latest = row
  }
  const events = departures.filter(({ origin: where, sched, delay }) => {
    if (where !== ask.origin || delay === null) return false
    return sched + delay <= ask.moment && sched + delay > ask.moment - WINDOW
  })
  const sum = events.reduce((total, event) => total + event.delay!, 0)
  const late = events.filter((event) => event.delay! > 2).length
  return [
    latest !== undefined && latest.at >= ask.moment - TTL ? latest.temp : null,
    latest?.temp ?? null,
    events.length > 0 ? sum / events.length : null,
    events.length > 0 ? late / events.length : null,
    events.length > 0 ? sum : null,
    events.length,
  ]
}

const root = mkdtempSync(join(tmpdir(), 'millrace-join-'))
let database: DuckDb
before(async () => {
  database = await DuckDb.open({ threads: 1 })
})
after(() => {
  database.close()
  rmSync(root, { recursive: true, force: true })
})

async function parquet(name: string, columns: string, rows: readonly object[]): Promise<void> {
  const json = join(root, `${name}.json`)
  writeFileSync(json, rows.map((row) => JSON.stringify(row)).join('\n'))
  await database.run(`COPY (FROM read_json(${literal(json)}, columns = {${columns}}, format = 'newline_delimited')) TO ${literal(join(root, `${name}.parquet`))} (FORMAT parquet)`)
}

const iso = (minutes: number) => new Date(START + minutes * 60_000).toISOString()

async function joined(weather: readonly Observation[], departures: readonly Flight[], spine: readonly Ask[]): Promise<(number | null)[][]> {
  await parquet('weather', `origin: 'VARCHAR', "at": 'TIMESTAMPTZ', written: 'TIMESTAMPTZ', temp: 'DOUBLE'`, weather.map((row) => ({ ...row, at: iso(row.at), written: iso(row.written) })))
  await parquet('flights', `origin: 'VARCHAR', sched: 'TIMESTAMPTZ', delay: 'INTEGER'`, departures.map((row) => ({ ...row, sched: iso(row.sched) })))
  const values = spine.map(({ origin: where, moment }, i) => `(${i}, ${literal(where)}, ${(START + moment * 60_000) * 1000})`)
  await database.run(`CREATE OR REPLACE TEMP TABLE spine AS FROM (VALUES ${values.join(', ')}) AS t(row, origin, _us)`)
  const views = await prepareViews(database, root, definitions, REFERENCES)
  const names = REFERENCES.map((reference) => reference.replace(':', '__'))
  const table = await database.columns(`SELECT ${names.map((name) => `CAST(${name} AS DOUBLE) AS ${name}`).join(', ')} FROM (${joinAsOf(views, 'spine')}) ORDER BY row`)
  return Array.from({ length: table.rows }, (_, row) => names.map((name) => (Number.isNaN(table.numbers(name)[row]!) ? null : table.numbers(name)[row]!)))
}

test('every row survives, once, with what the plain loop over rows says', async () => {
  await fc.assert(
    fc.asyncProperty(observations, flights, asks, async (weather, departures, spine) => {
      assert.deepEqual(await joined(weather, departures, spine), spine.map((ask) => oracle(ask, weather, departures)))
    }),
    { numRuns: 25 },
  )
})

test('nothing that happened after the moment of prediction changes anything', async () => {
  await fc.assert(
    fc.asyncProperty(observations, flights, minute, origin, observations, flights, async (weather, departures, moment, where, laterWeather, laterFlights) => {
      const spine = [{ origin: where, moment }]
      const later = (minutes: number) => minutes + moment + 1
      const before = await joined(weather, departures, spine)
      const withFuture = await joined(
        [...weather, ...laterWeather.map((row) => ({ ...row, at: later(row.at) }))],
        // Scheduled before the moment or after it: what counts is when a flight left.
        [...departures, ...laterFlights.map(({ origin: at, sched, delay }) => ({ origin: at, sched: later(sched) - (delay ?? 0), delay }))],
        spine,
      )
      assert.deepEqual(withFuture, before)
    }),
    { numRuns: 10 },
  )
})

test('a corrected observation replaces the first one; both ends of its life count, of a window only the newer', async () => {
  const weather = [
    { origin: 'JFK', at: 5, written: 5, temp: 1 },
    { origin: 'JFK', at: 5, written: 9, temp: 2 },
  ]
  const departures = [{ origin: 'JFK', sched: 3, delay: 2 }]
  const moments = [4, 5, 8, 9, 10, 11].map((moment) => ({ origin: 'JFK', moment }))
  const rows = await joined(weather, departures, moments)
  assert.deepEqual(rows.map((row) => row[0]), [null, 2, 2, 2, 2, null])
  assert.deepEqual(rows.map((row) => row[5]), [0, 1, 1, 0, 0, 0])
})

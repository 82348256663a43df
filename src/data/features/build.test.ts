import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inSample } from '../../domain/sampling.ts'
import { DuckDb, literal, type ColumnTable } from '../../platform/duckdb/index.ts'
import { buildFeatures, type BuildOptions } from './build.ts'
import { readDefinitions } from './parse.ts'

/** January of the example: 27,004 flights. */
const example = fileURLToPath(new URL('../../../examples/flights', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'millrace-build-'))
const definitions = readDefinitions(join(example, 'features'))
const service = definitions.services.get('flight-delay')!

before(() => {
  mkdirSync(join(root, 'data/raw/flights'), { recursive: true })
  copyFileSync(join(example, 'source/flights/2013-01.parquet'), join(root, 'data/raw/flights/2013-01.parquet'))
  cpSync(join(example, 'source/weather.parquet'), join(root, 'data/raw/weather.parquet'))
})
after(() => rmSync(root, { recursive: true, force: true }))

const build = (out: string, options: Partial<BuildOptions> = {}) => buildFeatures(definitions, service, { root, out: join(root, out), sample: 1, holdoutDays: 7, ...options })

async function read(file: string, columns: string): Promise<ColumnTable> {
  const database = await DuckDb.open()
  try {
    return await database.columns(`SELECT ${columns} FROM read_parquet(${literal(join(root, file))})`)
  } finally {
    database.close()
  }
}

test('every flight with a label is in the tables once, the last days held out', async () => {
  const built = await build('whole')
  const flown = (await read('data/raw/flights/2013-01.parquet', 'CAST(count(arr_delay) AS DOUBLE) AS n')).numbers('n')[0]
  assert.equal(built.trainRows + built.testRows, flown)
  const cut = Date.parse(built.cut)
  const [train, test] = await Promise.all(['train', 'test'].map((part) => read(`whole/${part}.parquet`, 'CAST(epoch_ms(_moment) AS DOUBLE) AS moment')))
  assert.equal(train!.rows, built.trainRows)
  assert.equal(test!.rows, built.testRows)
  assert.ok(train!.numbers('moment').every((moment, i, all) => moment <= cut && (i === 0 || moment >= all[i - 1]!)))
  assert.ok(test!.numbers('moment').every((moment) => moment > cut && moment <= cut + 7 * 86_400_000))
})

test('a flight’s recent delays are those of flights that had left its airport by one hour before', async () => {
  await build('leak')
  const row = 'CAST(epoch_ms(_moment) AS DOUBLE) AS moment, origin, recent_delays__departures AS n, recent_delays__mean_dep_delay AS mean'
  const table = await read('leak/train.parquet', row)
  const flights = await read(
    'data/raw/flights/2013-01.parquet',
    'origin, CAST(epoch_ms(time_hour) + 60000 * (minute + dep_delay) AS DOUBLE) AS left_at, CAST(dep_delay AS DOUBLE) AS delay',
  )
  for (let i = 500; i < table.rows; i += 997) {
    const moment = table.numbers('moment')[i]!
    let [n, sum] = [0, 0]
    for (let j = 0; j < flights.rows; j++) {
      const left = flights.numbers('left_at')[j]!
      if (flights.strings('origin')[j] !== table.strings('origin')[i] || !(left <= moment && left > moment - 7_200_000)) continue
      n++
      sum += flights.numbers('delay')[j]!
    }
    assert.equal(table.numbers('n')[i], n)
    assert.ok(n === 0 || Math.abs(table.numbers('mean')[i]! - sum / n) < 1e-9)
  }
})

test('a sample is the same as that of the driver, row by row, and its features are computed from all flights', async () => {
  await build('tenth', { sample: 0.1, holdoutDays: 0 })
  await build('all', { holdoutDays: 0 })
  const columns = `strftime(time_hour, '%Y-%m-%dT%H:%M:%SZ') AS hour, carrier, CAST(flight AS DOUBLE) AS flight, origin, recent_delays__departures AS n`
  const [tenth, all] = [await read('tenth/train.parquet', columns), await read('all/train.parquet', columns)]
  const keyed = (table: ColumnTable, i: number) => [table.strings('hour')[i]!, table.strings('carrier')[i]!, table.numbers('flight')[i]!, table.strings('origin')[i]!] as const
  const rows = (table: ColumnTable) => Array.from({ length: table.rows }, (_, i) => ({ key: keyed(table, i), n: table.numbers('n')[i]! }))
  assert.deepEqual(rows(tenth), rows(all).filter(({ key }) => inSample(key, 0.1)))
  assert.ok(Math.abs(tenth.rows / all.rows - 0.1) < 0.01)
})

test('the same sources give the same files, byte by byte', async () => {
  await build('once')
  await build('twice')
  for (const name of ['train.parquet', 'test.parquet', 'features.json']) {
    assert.ok(readFileSync(join(root, 'once', name)).equals(readFileSync(join(root, 'twice', name))), name)
  }
})

test('what is missing or broken is named', async () => {
  const options = { root, out: join(root, 'none'), sample: 1, holdoutDays: 7 }
  await assert.rejects(buildFeatures(definitions, { ...service, path: 'data/raw/trains' }, options), { code: 'NOT_FOUND', message: /data\/raw\/trains/ })
  await assert.rejects(buildFeatures(definitions, { ...service, path: '../flights' }, options), { code: 'PATH_OUTSIDE_ROOT' })
  await assert.rejects(buildFeatures(definitions, { ...service, label: { column: 'lateness', above: 1 } }, options), { code: 'FEATURES_INVALID', message: /needs the column lateness; there are year, month/ })
  await assert.rejects(build('none', { holdoutDays: 400 }), { code: 'DATA_UNREADABLE', message: /lie in the last 400 days, none is left to learn from/ })
  mkdirSync(join(root, 'data/broken'))
  writeFileSync(join(root, 'data/broken/a.parquet'), 'this is no Parquet')
  await assert.rejects(buildFeatures(definitions, { ...service, path: 'data/broken' }, options), { code: 'DATA_UNREADABLE', message: /a\.parquet/ })
})

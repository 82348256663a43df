import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '@duckdb/node-api'
import { ulid } from '../../platform/ids/index.ts'
import type { TrafficOptions } from './flights.ts'
import { SOURCE_FOLDER } from './folder.ts'

/** A diverted flight never arrives at its destination; a day later that is known. */
const DIVERTED_KNOWN_AFTER = "interval '24 hours'"
/** Destinations that airports.parquet lacks are in Puerto Rico and the Virgin Islands, which share a time zone. */
const ZONE_OF_UNLISTED = 'America/Puerto_Rico'

const worldOf = (month: string): string => `
with flights as (
  select * exclude (filename), parse_filename(filename, true) as file, time_hour + to_minutes(minute) as scheduled
  from read_parquet('${SOURCE_FOLDER}/flights/${month}', filename = true, file_row_number = true)
),
departed as (
  select flights.*, scheduled + to_minutes(dep_delay) as departed_at, coalesce(tzone, '${ZONE_OF_UNLISTED}') as zone
  from flights left join '${SOURCE_FOLDER}/airports.parquet' on faa = dest
),
-- arr_time is the clock at the destination, HHMM: the first such moment after departure.
landed as (
  select *, timezone(zone, date_trunc('day', timezone(zone, departed_at)) + to_minutes((arr_time // 100) * 60 + arr_time % 100)) as same_day
  from departed
)
select file, file_row_number, carrier, origin, dep_delay, departed_at, scheduled, scheduled - interval '1 hour' as moment,
  case when arr_delay is not null
    then greatest(case when same_day < departed_at then same_day + interval '1 day' else same_day end, departed_at + to_minutes(air_time)) end as arrived_at,
  coalesce(arrived_at, departed_at + ${DIVERTED_KNOWN_AFTER}, scheduled) as known_at,
  coalesce(departed_at, scheduled) as begun_at,
  (arr_delay > 15)::int as late,
  format('{}-{}-{}{}-{}', strftime(make_date(year, month, day), '%Y%m%d'), origin, carrier, flight, dest) as id,
  `

async function build(db: DuckDBConnection, options: TrafficOptions): Promise<void> {
  await db.run("set TimeZone = 'UTC'")
  const types = new Map(options.inputs.map(({ name, type }) => [name, type]))
  const text = (name: string): string => (name === 'time_hour' || types.get(name) === 'datetime' ? iso(`"${name}"`) : `"${name}"`)
  const row = `struct_pack(${options.inputs.map(({ name }) => `"${name}" := ${text(name)}`).join(', ')})`
  // A fraction of 2^32 below the share is, as eight hex digits, a text below that of the share.
  const below = Math.ceil(options.sample * 2 ** 32)
  const hash = `md5(concat_ws('|', ${options.key.map(text).join(', ')}))[:8]`
  const sampled = options.sample >= 1 ? 'true' : `${hash} < '${below.toString(16).padStart(8, '0')}'`
  // A month at a time, for less memory.
  const months = readdirSync(join(SOURCE_FOLDER, 'flights')).filter((name) => name.endsWith('.parquet')).sort()
  for (const [i, month] of months.entries()) {
    const query = `${worldOf(month)} case when (${sampled}) and file >= '2013-04' then ${row}::json::varchar end as request from landed order by moment`
    await db.run(i === 0 ? `create table world as ${query}` : `insert into world ${query}`)
  }
  await db.run(`create table weather as select origin, time_hour, temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib from '${SOURCE_FOLDER}/weather.parquet' order by time_hour`)
}

function iso(column: string): string {
  return `strftime(${column}, '%Y-%m-%dT%H:%M:%SZ')`
}

// Run as a program by flights.ts: the file to make, and TrafficOptions as JSON. Made under another name first, so that a file that is there is whole.
const [file = '', options = '{}'] = process.argv.slice(2)
const building = `${file}.${ulid()}`
const instance = await DuckDBInstance.create(building, { memory_limit: '160MB', threads: '2', temp_directory: `${building}.tmp` })
const db = await instance.connect()
await build(db, JSON.parse(options) as TrafficOptions)
db.closeSync()
instance.closeSync()
renameSync(building, file)

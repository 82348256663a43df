import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { ulid } from '../../platform/ids/index.ts'
import { SOURCE_FOLDER } from './folder.ts'

/** One flight as a client knows it when it asks, an hour before the scheduled departure. */
export interface FlightRequest {
  readonly id: string
  /** The moment of asking, RFC 3339. */
  readonly moment: string
  readonly row: Readonly<Record<string, string | number | null>>
}

export interface FlightLabel {
  readonly id: string
  readonly label: 0 | 1
  /** The real arrival, RFC 3339. */
  readonly time: string
}

type Cell = string | number | boolean | null
export type Columns = Readonly<Record<string, readonly Cell[]>>

export interface Happenings {
  readonly weather: Columns
  readonly departures: Columns
  readonly requests: readonly FlightRequest[]
  readonly labels: readonly FlightLabel[]
}

/** The world of 2013, as it becomes known. */
export interface FlightsWorld {
  /** What happened in [from, to): weather hours, actual departures, requests and arrivals, each in order of time. */
  between(from: Date, to: Date): Promise<Happenings>
  /**
   * Writes the month files under `folder` as an airline's warehouse would hold them at `until`: flights that have departed or were cancelled by then, without an
   * arrival that had not happened. A month that is wholly known is the source's file, byte for byte. Returns the names written.
   */
  writeMonths(folder: string, until: Date): Promise<readonly string[]>
  readonly close: () => void
}

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

export interface TrafficOptions {
  /** The columns that a client sends, with their MLflow types. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[]
  /** The columns that name a flight, and the share of the flights that are traffic: the same rule as in training (domain/sampling.ts). */
  readonly key: readonly string[]
  readonly sample: number
}

/** Opens the world in a database file, `file`, which is made at the first time: what is in it need not be in memory. */
export async function openFlightsWorld(file: string, options: TrafficOptions): Promise<FlightsWorld> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  mkdirSync(dirname(file), { recursive: true })
  const known = existsSync(file)
  // Made under another name first: a file that is there is whole.
  const building = `${file}.${ulid()}`
  if (!known) {
    const instance = await DuckDBInstance.create(building, { memory_limit: '128MB', threads: '2', temp_directory: `${building}.tmp` })
    const db = await instance.connect()
    await build(db, options)
    db.closeSync()
    instance.closeSync()
    renameSync(building, file)
  }
  const instance = await DuckDBInstance.create(file, { memory_limit: '48MB', threads: '1', access_mode: 'READ_ONLY', temp_directory: `${building}.tmp` })
  const db = await instance.connect()
  await db.run("set TimeZone = 'UTC'")
  return {
    between: async (from, to) => {
      const range = `>= '${from.toISOString()}' and`
      const end = `< '${to.toISOString()}'`
      const weather = await columns(db, `select * replace (${iso('time_hour')} as time_hour) from weather where time_hour ${range} time_hour ${end}`)
      const departures = await columns(
        db,
        `select id as flight_id, origin, dep_delay, ${iso('departed_at')} as departed_at from world where departed_at ${range} departed_at ${end} order by world.departed_at`,
      )
      const requests = await rows(db, `select id, ${iso('moment')} as moment, request from world where request is not null and world.moment ${range} world.moment ${end} order by world.moment, id`)
      const labels = await rows(db, `select id, late, ${iso('arrived_at')} as time from world where request is not null and arrived_at ${range} arrived_at ${end} order by arrived_at, id`)
      return {
        weather,
        departures,
        requests: requests.map((r): FlightRequest => ({ id: String(r.id), moment: String(r.moment), row: JSON.parse(String(r.request)) })),
        labels: labels.map((r): FlightLabel => ({ id: String(r.id), label: r.late === 1 ? 1 : 0, time: String(r.time) })),
      }
    },
    writeMonths: (folder, until) => writeMonths(db, folder, until),
    close: () => {
      db.closeSync()
      instance.closeSync()
    },
  }
}

async function build(db: DuckDBConnection, options: TrafficOptions): Promise<void> {
  await db.run("set TimeZone = 'UTC'")
  const types = new Map(options.inputs.map(({ name, type }) => [name, type]))
  const text = (name: string): string => (name === 'time_hour' || types.get(name) === 'datetime' ? iso(`"${name}"`) : `"${name}"`)
  const row = `struct_pack(${options.inputs.map(({ name }) => `"${name}" := ${text(name)}`).join(', ')})`
  // A fraction of 2^32 below the share is, as eight hex digits, a text below that of the share.
  const below = Math.ceil(options.sample * 2 ** 32)
  const hash = `md5(concat_ws('|', ${options.key.map(text).join(', ')}))[:8]`
  const sampled = options.sample >= 1 ? 'true' : `${hash} < '${below.toString(16).padStart(8, '0')}'`
  // A month at a time: the memory that this takes is the process's to the end.
  const months = readdirSync(join(SOURCE_FOLDER, 'flights')).filter((name) => name.endsWith('.parquet')).sort()
  for (const [i, month] of months.entries()) {
    const query = `${worldOf(month)} case when (${sampled}) and file >= '2013-04' then ${row}::json::varchar end as request from landed order by moment`
    await db.run(i === 0 ? `create table world as ${query}` : `insert into world ${query}`)
  }
  await db.run(`create table weather as select origin, time_hour, temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib from '${SOURCE_FOLDER}/weather.parquet' order by time_hour`)
}

async function writeMonths(db: DuckDBConnection, folder: string, until: Date): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true })
  const at = `'${until.toISOString()}'::timestamptz`
  const known = await rows(
    db,
    `select file, bool_and(known_at <= ${at}) as whole from world group by file having bool_or(begun_at <= ${at}) order by file`,
  )
  const written: string[] = []
  for (const { file, whole } of known) {
    const name = `${String(file)}.parquet`
    const target = join(folder, name)
    if (whole === true) {
      const source = join(SOURCE_FOLDER, 'flights', name)
      if (existsSync(target) && statSync(target).size === statSync(source).size) continue
      copyFileSync(source, target)
    } else {
      await db.run(`copy (
        select f.* exclude (file_row_number) replace (
          case when arrived_at <= ${at} then arr_time end as arr_time,
          case when arrived_at <= ${at} then arr_delay end as arr_delay,
          case when arrived_at <= ${at} then f.air_time end as air_time)
        from read_parquet('${join(SOURCE_FOLDER, 'flights', name)}', file_row_number = true) f
        join world w on w.file = '${String(file)}' and w.file_row_number = f.file_row_number
        where begun_at <= ${at} order by f.file_row_number
      ) to '${target}' (format parquet, compression zstd)`)
    }
    written.push(name)
  }
  return written
}

function iso(column: string): string {
  return `strftime(${column}, '%Y-%m-%dT%H:%M:%SZ')`
}

async function rows(db: DuckDBConnection, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await db.runAndReadAll(sql)).getRowObjectsJS()
}

async function columns(db: DuckDBConnection, sql: string): Promise<Columns> {
  const result: Record<string, Cell[]> = {}
  for (const [name, values] of Object.entries((await db.runAndReadAll(sql)).getColumnsObjectJS())) {
    result[name] = values.map((value) => (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : String(value)))
  }
  return result
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DuckDBConnection } from '@duckdb/node-api'
import { MillraceError } from '../../platform/errors/index.ts'
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

export interface TrafficOptions {
  /** The columns that a client sends, with their MLflow types. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[]
  /** The columns that name a flight, and the share of the flights that are traffic: the same rule as in training (domain/sampling.ts). */
  readonly key: readonly string[]
  readonly sample: number
}

/** Opens the world in a database file, `file`, which is made at the first time: what is in it need not be in memory. */
export async function openFlightsWorld(file: string, options: TrafficOptions): Promise<FlightsWorld> {
  if (!existsSync(file)) await buildElsewhere(file, options)
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(file, { memory_limit: '48MB', threads: '1', access_mode: 'READ_ONLY', temp_directory: `${file}.tmp` })
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

/** In a process of its own: the memory that this takes is a process's to its end. */
async function buildElsewhere(file: string, options: TrafficOptions): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  const script = fileURLToPath(new URL(`build-world${extname(import.meta.url)}`, import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file, JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
  const [code]: unknown[] = await once(child, 'exit')
  if (code !== 0) throw new MillraceError('DEMO_FAILED', `the flights could not be read: ${said.slice(-2000)}`)
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

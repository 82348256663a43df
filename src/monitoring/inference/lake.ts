import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DAY_MS } from '../../domain/windows.ts'
import type { Database } from '../../platform/db/index.ts'
import { insideRoot, syncFolder } from '../../platform/fs/index.ts'
import type { DuckDB } from '../duckdb.ts'
import { parseValues } from '../drift/current.ts'
import type { MonitorSchema } from '../tables.ts'
import { parseColumnList } from './column-lists.ts'

interface LakeRow {
  readonly pid: number
  readonly request_id: string
  readonly row: number
  readonly time: number
  readonly answered_by: string | null
  readonly alias: string
  readonly version: string
  readonly answered: number
  readonly score: number
  readonly vals: string | null
  readonly names: string | null
}

/**
 * Keeps predictions as Parquet, a file a model and day: `model=M/date=YYYY-MM-DD.parquet`, one line for each version's answer to a row, with
 * the model inputs as columns of their own (`input.NAME`) on the lines that were answered.
 */
export class Lake {
  readonly #db: Database<MonitorSchema>
  readonly #duckdb: DuckDB
  readonly #folder: string

  constructor(db: Database<MonitorSchema>, duckdb: DuckDB, folder: string) {
    this.#db = db
    this.#duckdb = duckdb
    this.#folder = folder
  }

  /** Writes the oldest day of `model` that ended by `until` and has no file yet. Returns it, or null when there is none. */
  async writeNextDay(model: string, until: number): Promise<number | null> {
    const day = await this.#nextDay(model, until)
    if (day === null) return null
    const rows = await this.#rowsOf(model, day)
    await this.#write(this.#fileOf(model, day), rows)
    const lastPid = rows.reduce((last, row) => Math.max(last, row.pid), 0)
    await this.#db.kysely.insertInto('lake_days').values({ model, day, rows: rows.length, last_pid: lastPid }).onConflict((c) => c.doNothing()).execute()
    return day
  }

  /** Drops from the database the model inputs of rows before `until` that stand in a file, once that survives a loss of power. Scores and labels stay. */
  async forgetInputs(model: string, until: number): Promise<void> {
    const { kysely } = this.#db
    const days = await kysely.selectFrom('lake_days').selectAll().where('model', '=', model).where('day', '<=', until - DAY_MS).where('last_pid', '>', 0).execute()
    for (const { day, last_pid } of days) {
      if (!syncFile(this.#fileOf(model, day))) continue
      await this.#db.transaction(async (trx) => {
        const pids = trx
          .selectFrom('requests')
          .select('pid')
          .where('model', '=', model)
          .where('time', '>=', day)
          .where('time', '<', day + DAY_MS)
          .where('pid', '<=', last_pid)
        await trx.deleteFrom('inputs').where('pid', 'in', pids).execute()
        await trx.updateTable('lake_days').set({ last_pid: 0 }).where('model', '=', model).where('day', '=', day).execute()
      })
    }
  }

  async #nextDay(model: string, until: number): Promise<number | null> {
    const { written } = await this.#db.kysely.selectFrom('lake_days').select((e) => e.fn.max('day').as('written')).where('model', '=', model).executeTakeFirstOrThrow()
    const from = written === null ? 0 : Number(written) + DAY_MS
    const first = await this.#db.kysely
      .selectFrom('requests')
      .select('time')
      .where('model', '=', model)
      .where('time', '>=', from)
      .where('time', '<', until)
      .orderBy('time')
      .limit(1)
      .executeTakeFirst()
    if (!first) return null
    const day = Math.floor(first.time / DAY_MS) * DAY_MS
    return day + DAY_MS <= until ? day : null
  }

  #rowsOf(model: string, day: number): Promise<LakeRow[]> {
    return this.#db.kysely
      .selectFrom('requests as r')
      .innerJoin('scores as s', 's.pid', 'r.pid')
      .leftJoin('inputs as i', 'i.pid', 'r.pid')
      .leftJoin('columns as c', 'c.columns_id', 'i.columns_id')
      .select(['r.pid', 'r.request_id', 'r.row', 'r.time', 'r.version as answered_by', 's.alias', 's.version', 's.answered', 's.score', 'i.vals', 'c.names'])
      .where('r.model', '=', model)
      .where('r.time', '>=', day)
      .where('r.time', '<', day + DAY_MS)
        .orderBy('r.pid')
      .orderBy('s.ordinal')
      .execute()
  }

  #fileOf(model: string, day: number): string {
    return insideRoot(this.#folder, `model=${encodeURIComponent(model)}/date=${new Date(day).toISOString().slice(0, 10)}.parquet`)
  }

  /** The file appears whole or not at all; one that is there already, from before a kill, is replaced by the same. */
  async #write(file: string, rows: readonly LakeRow[]): Promise<void> {
    const inputs = new Map<string, 'VARCHAR' | 'DOUBLE'>()
    const lines: string[] = []
    for (const row of rows) {
      const line: Record<string, unknown> = {
        request_id: row.request_id, row: row.row, time: new Date(row.time).toISOString(), alias: row.alias, version: row.version,
        role: row.answered === 1 ? 'champion' : 'shadow', score: row.score,
      }
      if (row.answered === 1 && row.version === row.answered_by && row.vals !== null && row.names !== null) {
        const values = parseValues(row.vals)
        for (const [i, name] of parseColumnList(row.names).names.entries()) {
          const value = values[i] ?? null
          line[`input.${name}`] = value
          if (typeof value === 'string') inputs.set(`input.${name}`, 'VARCHAR')
          else if (!inputs.has(`input.${name}`)) inputs.set(`input.${name}`, 'DOUBLE')
        }
      }
      lines.push(JSON.stringify(line))
    }
    const columns = [...FIXED, ...inputs].map(([name, type]) => `${quoted(name)}: ${quoted(type)}`).join(', ')
    const temporary = `${file}.tmp`
    const source = `${file}.ndjson.tmp`
    mkdirSync(dirname(file), { recursive: true })
    try {
      writeFileSync(source, lines.join('\n'))
      const copy = `copy (select * from read_json(${quoted(source)}, format = 'newline_delimited', columns = {${columns}})) to ${quoted(temporary)}`
      await this.#duckdb.use((connection) => connection.run(`${copy} (format parquet, compression zstd)`))
      renameSync(temporary, file)
    } finally {
      rmSync(source, { force: true })
      rmSync(temporary, { force: true })
    }
  }
}

const FIXED = [
  ['request_id', 'VARCHAR'], ['row', 'INTEGER'], ['time', 'TIMESTAMP'], ['alias', 'VARCHAR'], ['version', 'VARCHAR'], ['role', 'VARCHAR'], ['score', 'DOUBLE'],
] as const

/** A DuckDB string literal. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** false where there is no such file: someone has taken it away. */
function syncFile(file: string): boolean {
  if (!existsSync(file)) return false
  const fd = openSync(file, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncFolder(dirname(file))
  return true
}

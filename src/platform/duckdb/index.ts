import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection, type DuckDBVector } from '@duckdb/node-api'
import { MillraceError, errorMessage } from '../errors/index.ts'

export interface DuckDbLimits {
  /** As DuckDB writes it; what does not fit is spilled to a temporary folder. */
  readonly memory: string
  readonly threads: number
}

const LIMITS: DuckDbLimits = { memory: '512MB', threads: 2 }

/** The rows of a query, column by column. A missing number is NaN, a missing string null. Asking for a column that is not there throws. */
export interface ColumnTable {
  readonly rows: number
  readonly names: readonly string[]
  numbers(column: string): Float64Array
  strings(column: string): readonly (string | null)[]
}

/** A DuckDB in memory, for work on files. Moments are in UTC. It never downloads an extension. `close` removes what it spilled. */
export class DuckDb {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #spill: string

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, spill: string) {
    this.#instance = instance
    this.#connection = connection
    this.#spill = spill
  }

  static async open(given: Partial<DuckDbLimits> = {}): Promise<DuckDb> {
    const limits = { ...LIMITS, ...given }
    const spill = join(tmpdir(), `millrace-duckdb-${randomUUID()}`)
    const instance = await DuckDBInstance.create(':memory:', { memory_limit: limits.memory, threads: String(limits.threads), temp_directory: spill })
    const database = new DuckDb(instance, await instance.connect(), spill)
    for (const setting of [`TimeZone = 'UTC'`, 'autoinstall_known_extensions = false', "allocator_flush_threshold = '4MB'"]) await database.run(`SET ${setting}`)
    return database
  }

  /** DATA_UNREADABLE with DuckDB's words, which name the file, where a query cannot be run. */
  async run(sql: string): Promise<void> {
    try {
      await this.#connection.run(sql)
    } catch (error) {
      throw refused(error)
    }
  }

  /** Every column must be DOUBLE or VARCHAR: cast in the query. */
  async columns(sql: string): Promise<ColumnTable> {
    try {
      const result = await this.#connection.stream(sql)
      const names = result.columnNames()
      const columns = result.columnTypes().map((type): Column => (String(type) === 'VARCHAR' ? new StringColumn() : new NumberColumn()))
      for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        for (const [i, column] of columns.entries()) column.add(chunk.getColumnVector(i), chunk.rowCount)
      }
      return tableOf(names, columns)
    } catch (error) {
      throw refused(error)
    }
  }

  /** Writes columns of one length as a Parquet file: numbers as DOUBLE, NaN as null; anything else as VARCHAR. */
  async writeParquet(file: string, columns: ReadonlyMap<string, Float32Array | Float64Array | readonly (string | null)[]>): Promise<void> {
    const names = [...columns.keys()]
    const values = [...columns.values()]
    const types = values.map((column) => (Array.isArray(column) ? 'VARCHAR' : 'DOUBLE'))
    await this.run(`CREATE OR REPLACE TEMP TABLE written (${names.map((name, i) => `${identifier(name)} ${types[i]}`).join(', ')})`)
    const appender = await this.#connection.createAppender('written')
    for (let row = 0; row < (values[0]?.length ?? 0); row++) {
      for (const column of values) {
        const value = column[row]
        if (typeof value === 'string') appender.appendVarchar(value)
        else if (typeof value === 'number' && value === value) appender.appendDouble(value)
        else appender.appendNull()
      }
      appender.endRow()
    }
    appender.closeSync()
    await this.run(`COPY written TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`)
    await this.run('DROP TABLE written')
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
    rmSync(this.#spill, { recursive: true, force: true })
  }
}

function refused(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : new MillraceError('DATA_UNREADABLE', errorMessage(error), { cause: error })
}

interface Column {
  add(vector: DuckDBVector, rows: number): void
}

class NumberColumn implements Column {
  #parts: Float64Array[] = []

  add(vector: DuckDBVector, rows: number): void {
    const part = new Float64Array(rows)
    for (let i = 0; i < rows; i++) {
      const value: unknown = vector.getItem(i)
      part[i] = typeof value === 'number' ? value : Number.NaN
    }
    this.#parts.push(part)
  }

  whole(): Float64Array {
    const whole = new Float64Array(this.#parts.reduce((rows, part) => rows + part.length, 0))
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    // Given back before the next column is put together.
    this.#parts = []
    return whole
  }
}

class StringColumn implements Column {
  readonly values: (string | null)[] = []
  /** One object per distinct text: columns of categories would otherwise hold one per row. */
  readonly #seen = new Map<string, string>()

  add(vector: DuckDBVector, rows: number): void {
    for (let i = 0; i < rows; i++) {
      const value: unknown = vector.getItem(i)
      this.values.push(typeof value === 'string' ? this.#intern(value) : null)
    }
  }

  #intern(value: string): string {
    const known = this.#seen.get(value)
    if (known !== undefined) return known
    if (this.#seen.size < 10_000) this.#seen.set(value, value)
    return value
  }
}

function tableOf(names: readonly string[], columns: readonly Column[]): ColumnTable {
  const wholes = new Map(names.map((name, i) => [name, columns[i] instanceof NumberColumn ? columns[i].whole() : columns[i]]))
  const absent = (column: string, kind: string) => new MillraceError('DATA_UNREADABLE', `there is no column ${column} of ${kind}; there are ${names.join(', ')}`)
  const [first] = wholes.values()
  const rows = first instanceof Float64Array ? first.length : first instanceof StringColumn ? first.values.length : 0
  return {
    rows,
    names,
    numbers(column) {
      const found = wholes.get(column)
      if (!(found instanceof Float64Array)) throw absent(column, 'numbers')
      return found
    },
    strings(column) {
      const found = wholes.get(column)
      if (!(found instanceof StringColumn)) throw absent(column, 'text')
      return found.values
    },
  }
}

/** Names and texts can hold anything: they go into SQL only through these. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

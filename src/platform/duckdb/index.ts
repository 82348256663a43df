import { type DuckDBConnection, StatementType } from '@duckdb/node-api'
import { MillraceError, errorMessage } from '../errors/index.ts'
import { type Column, type ColumnTable, NumberColumn, StringColumn, tableOf } from './columns.ts'
import { Instance, type InstanceOptions } from './instance.ts'
import { type Row, plainRow } from './rows.ts'
import { identifier, literal } from './sql.ts'

export type { ColumnTable, Row }
export { identifier, literal }

/** One connection to a DuckDB of its own, for work on files. */
export class DuckDb {
  readonly #instance: Instance
  readonly #connection: DuckDBConnection

  private constructor(instance: Instance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  static async open(options: Partial<InstanceOptions> = {}): Promise<DuckDb> {
    const instance = await Instance.open(options)
    return new DuckDb(instance, await instance.connect())
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

  /** The rows of a query as JSON can hold them: moments as RFC 3339, whole numbers beyond 2^53 and numbers that are not finite as text. */
  async rows(sql: string): Promise<readonly Row[]> {
    try {
      return (await this.#connection.runAndReadAll(sql)).getRowObjectsJS().map(plainRow)
    } catch (error) {
      throw refused(error)
    }
  }

  /** What the statements of `sql` are, found without running any; `type` (`SELECT`, `COPY` …) only where there is exactly one. */
  async describe(sql: string): Promise<{ readonly statements: number; readonly type: string | null }> {
    try {
      const statements = await this.#connection.extractStatements(sql)
      if (statements.count !== 1) return { statements: statements.count, type: null }
      const prepared = await statements.prepare(0)
      const type = StatementType[prepared.statementType]
      prepared.destroySync()
      return { statements: 1, type }
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
    this.#instance.close()
  }
}

function refused(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : new MillraceError('DATA_UNREADABLE', errorMessage(error), { cause: error })
}

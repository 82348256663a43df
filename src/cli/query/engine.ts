import { type DuckDBConnection, type DuckDBResult, type DuckDBValue, StatementType } from '@duckdb/node-api'
import { Instance } from '../../platform/duckdb/instance.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Project } from '../project.ts'
import { loadEvents, loadLabels } from './tables.ts'
import { LABELLED_VIEW, type QueryFiles, lakeView, predictionsView } from './views.ts'

export interface QueryColumn {
  readonly name: string
  readonly type: string
}

export interface QueryResult {
  readonly columns: readonly QueryColumn[]
  /** Read once. Asking for no more ends the query. */
  readonly rows: AsyncGenerator<readonly DuckDBValue[], void>
}

/** Enough to sort a gigabyte of wide rows; what DuckDB does not count takes as much again. */
const LIMITS = { memory: '512MB', threads: 2 }

/** DuckDB over one project's files, and over nothing else: see `confinedTo`. */
export class QueryEngine {
  readonly #instance: Instance
  readonly #connection: DuckDBConnection

  private constructor(instance: Instance, connection: DuckDBConnection) {
    this.#instance = instance
    this.#connection = connection
  }

  /** Ready for `query`: what it cannot mean is not made, since labels and events are copied. */
  static async open(project: Project, files: QueryFiles, query: string): Promise<QueryEngine> {
    const means = (pattern: RegExp): boolean => pattern.test(query)
    return QueryEngine.#make(files, async (connection) => {
      if (means(/\blabel(s|led)\b/i)) await loadLabels(connection, project)
      if (means(/\blabelled\b/i)) await connection.run(LABELLED_VIEW)
      if (means(/\blake\b/i)) await connection.run(lakeView(files.lake))
      if (means(/\bevents\b/i)) await loadEvents(connection, project)
    })
  }

  /** Every view, for its columns: labels and events are left empty. */
  static async openForSchema(files: QueryFiles): Promise<QueryEngine> {
    return QueryEngine.#make(files, async (connection) => {
      await loadLabels(connection)
      await loadEvents(connection)
      await connection.run(LABELLED_VIEW)
      await connection.run(lakeView(files.lake))
    })
  }

  static async #make({ journal, packed, lake }: QueryFiles, fill: (connection: DuckDBConnection) => Promise<void>): Promise<QueryEngine> {
    const instance = await Instance.open({ ...LIMITS, confinedTo: [...journal, ...packed, ...lake] })
    const connection = await instance.connect()
    const engine = new QueryEngine(instance, connection)
    try {
      await connection.run(predictionsView({ journal, packed }))
      await fill(connection)
      return engine
    } catch (error) {
      engine.close()
      throw refused(error)
    }
  }

  /** Runs one SELECT. Throws USAGE for what DuckDB does not understand, with its words, which show the place. */
  async select(query: string): Promise<QueryResult> {
    try {
      const result = await this.#start(query)
      const columns = result.columnNames().map((name, i) => ({ name, type: result.columnType(i).alias ?? String(result.columnType(i)) }))
      return { columns, rows: rowsOf(result) }
    } catch (error) {
      throw refused(error)
    }
  }

  async #start(query: string): Promise<DuckDBResult> {
    if (query.trim() === '') throw new MillraceError('USAGE', 'found an empty text, expected one SELECT')
    const statements = await this.#connection.extractStatements(query)
    if (statements.count !== 1) throw new MillraceError('USAGE', `found ${statements.count} statements, expected one SELECT`)
    const prepared = await statements.prepare(0)
    // The confinement lets the very files be written that it lets be read.
    if (prepared.statementType !== StatementType.SELECT) throw new MillraceError('USAGE', `found ${StatementType[prepared.statementType]}, expected a SELECT: a query changes nothing`)
    return prepared.stream()
  }

  /** Ends the query that is running; it then throws CANCELLED. */
  interrupt(): void {
    this.#connection.interrupt()
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.close()
  }
}

async function* rowsOf(result: DuckDBResult): AsyncGenerator<readonly DuckDBValue[], void> {
  try {
    for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) yield* chunk.getRows()
  } catch (error) {
    throw refused(error)
  }
}

function refused(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const message = errorMessage(error).replace(/^Failed to extract statements: /, '')
  if (message.startsWith('INTERRUPT')) return new MillraceError('CANCELLED', 'the query was interrupted', { cause: error })
  const ours = /^(Parser|Binder|Catalog|Conversion|Permission|Not implemented|Invalid Input) Error/i.test(message)
  return new MillraceError(ours ? 'USAGE' : 'DATA_UNREADABLE', message, { cause: error })
}

import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance, StatementType, type DuckDBConnection } from '@duckdb/node-api'
import { MillraceError } from '../../platform/errors/index.ts'
import { list, literal } from './sql.ts'

export type Row = Readonly<Record<string, unknown>>

export interface EngineLimits {
  /** As DuckDB writes it; more than this is spilled to the temporary folder. */
  readonly memory: string
  readonly threads: number
}

const LIMITS: EngineLimits = { memory: '256MB', threads: 2 }

/**
 * A DuckDB in memory that can read the given files and nothing else: no other file, no network, no extension, and no way to change that.
 * So a contract's own SQL can do no harm. Moments are in UTC.
 */
export class Engine {
  readonly #instance: DuckDBInstance
  readonly #connection: DuckDBConnection
  readonly #spill: string

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, spill: string) {
    this.#instance = instance
    this.#connection = connection
    this.#spill = spill
  }

  static async open(files: readonly string[], limits: EngineLimits = LIMITS): Promise<Engine> {
    const spill = join(tmpdir(), `millrace-duckdb-${randomUUID()}`)
    const instance = await DuckDBInstance.create(':memory:', { memory_limit: limits.memory, threads: String(limits.threads), temp_directory: spill })
    const engine = new Engine(instance, await instance.connect(), spill)
    await engine.run(`SET TimeZone = 'UTC'`)
    await engine.run(`SET autoinstall_known_extensions = false`)
    await engine.run(`SET allowed_paths = ${list(files.map(literal))}`)
    await engine.run('SET enable_external_access = false')
    await engine.run('SET lock_configuration = true')
    return engine
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql)
  }

  /** A contract's own SQL: one SELECT; anything else, or more than one statement, is refused before it runs. */
  async selectGuarded(sql: string): Promise<readonly Row[]> {
    await this.prepare(sql)
    return this.select(sql)
  }

  /** SQL that is ours, or was found to be one SELECT by `prepare`. */
  async select(sql: string): Promise<readonly Row[]> {
    const reader = await this.#connection.runAndReadAll(sql)
    return reader.getRowObjectsJS().map(plainRow)
  }

  /** Throws what the database has against this SELECT, without running it. */
  async prepare(sql: string): Promise<void> {
    const statements = await this.#connection.extractStatements(sql)
    if (statements.count !== 1) throw new MillraceError('CONTRACT_INVALID', `expected one SELECT, found ${statements.count} statements`)
    const prepared = await statements.prepare(0)
    const type = prepared.statementType
    prepared.destroySync()
    if (type !== StatementType.SELECT) throw new MillraceError('CONTRACT_INVALID', `expected a SELECT, found ${StatementType[type]}`)
  }

  close(): void {
    this.#connection.closeSync()
    this.#instance.closeSync()
    rmSync(this.#spill, { recursive: true, force: true })
  }
}

function plainRow(row: Record<string, unknown>): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)]))
}

/** What JSON can hold: moments as RFC 3339, whole numbers beyond 2^53 and non-finite ones as text. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.getPrototypeOf(value) === Object.prototype ? plainRow({ ...value }) : String(value)
  return value
}

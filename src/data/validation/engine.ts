import { DuckDb, type Row } from '../../platform/duckdb/index.ts'
import type { InstanceOptions } from '../../platform/duckdb/instance.ts'
import { MillraceError } from '../../platform/errors/index.ts'

export type Engine = DuckDb
export type EngineLimits = Pick<InstanceOptions, 'memory' | 'threads'>

const LIMITS: EngineLimits = { memory: '256MB', threads: 2 }

/** A DuckDB that reads the given files and nothing else, so that a contract's own SQL can do no harm. */
export function openEngine(files: readonly string[], limits: EngineLimits = LIMITS): Promise<Engine> {
  return DuckDb.open({ ...limits, confinedTo: files })
}

/** A contract's own SQL: one SELECT; anything else, or more than one statement, is refused before it runs. */
export async function selectGuarded(engine: Engine, sql: string): Promise<readonly Row[]> {
  await requireSelect(engine, sql)
  return engine.rows(sql)
}

/** Throws what the database has against this SELECT, without running it. */
export async function requireSelect(engine: Engine, sql: string): Promise<void> {
  const { statements, type } = await engine.describe(sql)
  if (statements !== 1) throw new MillraceError('CONTRACT_INVALID', `expected one SELECT, found ${statements} statements`)
  if (type !== 'SELECT') throw new MillraceError('CONTRACT_INVALID', `expected a SELECT, found ${type}`)
}

import type { Sample } from '../../domain/drift/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { DuckDB } from '../duckdb.ts'

/** A bounded sample of the data that a version was trained on: its model inputs by name, and its own scores. */
export interface Reference {
  readonly columns: ReadonlyMap<string, ReferenceColumn>
  /** null where the sample holds no score. */
  readonly scores: Float64Array | null
}

export interface ReferenceColumn {
  readonly sample: Sample
  /** Whether the column's type holds whole numbers only. */
  readonly integer: boolean
}

/** Names under which a training sample may hold the version's own score. */
const SCORE_COLUMNS = ['prediction', 'score']
const MOST_ROWS = 10_000
const INTEGER = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/

/** Reads `reference.parquet`. Missing and infinite values are left out of each column. Throws UPSTREAM_FAILED for what is no Parquet. */
export async function readReference(duckdb: DuckDB, file: string): Promise<Reference> {
  try {
    const reader = await duckdb.use((connection) => connection.runAndReadAll('select * from read_parquet($file) limit $rows', { file, rows: MOST_ROWS }))
    const lists = reader.getColumns()
    const columns = new Map<string, ReferenceColumn>()
    for (const [i, name] of reader.columnNames().entries()) {
      const type = String(reader.columnType(i))
      const values = lists[i] ?? []
      columns.set(name, { sample: sampleOf(values, /VARCHAR|BOOLEAN|ENUM/.test(type)), integer: INTEGER.test(type) })
    }
    const scoreColumn = SCORE_COLUMNS.find((name) => columns.has(name))
    const scores = scoreColumn === undefined ? undefined : columns.get(scoreColumn)?.sample
    if (scoreColumn !== undefined) columns.delete(scoreColumn)
    return { columns, scores: scores instanceof Float64Array ? scores : null }
  } catch (error) {
    throw new MillraceError('UPSTREAM_FAILED', `the training sample ${file} cannot be read as Parquet`, { cause: error })
  }
}

/** A column as drift statistics take it: names of categories, or finite numbers. */
export function sampleOf(values: Iterable<unknown>, categorical: boolean): Sample {
  if (categorical) return Array.from(values).filter((value) => value !== null && value !== undefined).map(String)
  const numbers: number[] = []
  for (const value of values) {
    const number = typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean' ? Number(value) : NaN
    if (Number.isFinite(number)) numbers.push(number)
  }
  return Float64Array.from(numbers)
}

import { readdirSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { identifier, literal, type DuckDb } from '../../platform/duckdb/index.ts'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { MomentExpression } from '../../domain/moment.ts'

const CSV = /\.(csv|tsv)(\.gz)?$/i

/**
 * The files that a source's path names, sorted: itself, or a folder's Parquet or CSV files. NOT_FOUND where there is none, DATA_UNREADABLE where a folder has both
 * kinds, PATH_OUTSIDE_ROOT where the path leaves the project.
 */
export function sourceFiles(root: string, path: string): string[] {
  // Symbolic links are followed: DVC may link a data set to its cache, which lies where the user wants it.
  if (isAbsolute(path) || path.split(/[/\\]/).includes('..')) throw new MillraceError('PATH_OUTSIDE_ROOT', `${path}: expected a path below the project`)
  const full = join(root, path)
  let files: string[]
  try {
    files = statSync(full).isDirectory() ? readdirSync(full).filter((name) => name.endsWith('.parquet') || CSV.test(name)).sort().map((name) => join(full, name)) : [full]
  } catch (error) {
    throw toMillraceError(error, `reading the source ${path}`)
  }
  if (files.length === 0) throw new MillraceError('NOT_FOUND', `${path}: the folder holds no *.parquet and no *.csv file`)
  const other = files.find((file) => CSV.test(file) !== CSV.test(files[0] ?? ''))
  if (other !== undefined) throw new MillraceError('DATA_UNREADABLE', `${path}: ${files[0]} and ${other} are of different kinds; expected Parquet or CSV files, not both`)
  const odd = files.find((file) => /[*?[\]{}]/.test(file))
  if (odd !== undefined) throw new MillraceError('PATH_OUTSIDE_ROOT', `${odd}: DuckDB would take it for a pattern; expected a path without * ? [ ] { }`)
  return files
}

/** What a column of a CSV file is read as, where the definitions say; the others stay text. Parquet files bring their own types. */
export type SourceTypes = ReadonlyMap<string, 'string' | 'long' | 'double' | 'boolean' | 'datetime'>

export interface SourceTable {
  /** SQL that stands after FROM. */
  readonly sql: string
  /** Name → DuckDB's type. */
  readonly columns: ReadonlyMap<string, string>
}

/**
 * The rows of the files together. Columns that only some of the files have are null in the others. In CSV an empty field is null, `""` is an empty text, and
 * nothing is guessed: a text that is not of its column's type is DATA_UNREADABLE, which names column and text, when the query runs.
 */
export async function readSource(database: DuckDb, files: readonly string[], types: SourceTypes): Promise<SourceTable> {
  const list = `[${files.map(literal).join(', ')}]`
  if (!CSV.test(files[0] ?? '')) return describe(database, `read_parquet(${list}, union_by_name = true)`)
  const text = await describe(database, `read_csv(${list}, header = true, all_varchar = true, allow_quoted_nulls = false, union_by_name = true)`)
  const columns = [...text.columns.keys()].map((column) => {
    const type = types.get(column)
    return type === undefined || type === 'string' ? identifier(column) : `${parsed(column, type)} AS ${identifier(column)}`
  })
  return describe(database, `(SELECT ${columns.join(', ')} FROM ${text.sql})`)
}

async function describe(database: DuckDb, sql: string): Promise<SourceTable> {
  const described = await database.columns(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${sql})`)
  const types = described.strings('column_type')
  return { sql, columns: new Map(described.strings('column_name').map((name, i) => [name ?? '', types[i] ?? ''])) }
}

/** A cast that says which column held what: DuckDB's own names neither, and takes 1.5 for the whole number 2. */
function parsed(column: string, type: 'long' | 'double' | 'boolean' | 'datetime'): string {
  const text = identifier(column)
  const value = {
    long: `CASE WHEN regexp_full_match(trim(${text}), '[+-]?[0-9]+') THEN TRY_CAST(${text} AS BIGINT) END`,
    // A boolean counts as 1 or 0 where a number is wanted, as in a request.
    double: `CASE lower(trim(${text})) WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE TRY_CAST(${text} AS DOUBLE) END`,
    boolean: `TRY_CAST(${text} AS BOOLEAN)`,
    datetime: `TRY_CAST(${text} AS TIMESTAMPTZ)`,
  }[type]
  const refusal = literal(`column ${column} holds a text that is no ${type}: `)
  return `CASE WHEN ${text} IS NULL THEN NULL WHEN (${value}) IS NOT NULL THEN (${value}) ELSE error(${refusal} || ${text}) END`
}

/** Microseconds since 1970 as BIGINT, null where a part is missing. A time without a zone is UTC. */
export function momentSql(moment: MomentExpression): string {
  const minutes = [...moment.plusMinutes.map(identifier), String(moment.offsetMinutes)].join(' + ')
  return `(epoch_us(CAST(${identifier(moment.column)} AS TIMESTAMPTZ)) + CAST(60000000 * CAST(${minutes} AS DOUBLE) AS BIGINT))`
}

/** The SQL twin of `inSample` in src/domain/sampling.ts. */
export function sampleSql(key: readonly string[], types: ReadonlyMap<string, string>, share: number): string {
  const parts = key.map((column) =>
    types.get(column)?.startsWith('TIMESTAMP')
      ? `strftime(CAST(${identifier(column)} AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%SZ')`
      : `CAST(${identifier(column)} AS VARCHAR)`,
  )
  return `CAST('0x' || left(md5(concat_ws('|', ${parts.join(', ')})), 8) AS BIGINT) / 4294967296 < ${share}`
}

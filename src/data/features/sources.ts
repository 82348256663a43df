import { readdirSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { identifier, literal } from '../../platform/duckdb/index.ts'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { MomentExpression } from '../../domain/moment.ts'

/** The Parquet files that a source's path names, sorted. NOT_FOUND where there is none; PATH_OUTSIDE_ROOT where the path leaves the project. */
export function sourceFiles(root: string, path: string): string[] {
  // Symbolic links are followed: DVC may link a data set to its cache, which lies where the user wants it.
  if (isAbsolute(path) || path.split(/[/\\]/).includes('..')) throw new MillraceError('PATH_OUTSIDE_ROOT', `${path}: expected a path below the project`)
  const full = join(root, path)
  let files: string[]
  try {
    files = statSync(full).isDirectory() ? readdirSync(full).filter((name) => name.endsWith('.parquet')).sort().map((name) => join(full, name)) : [full]
  } catch (error) {
    throw toMillraceError(error, `reading the source ${path}`)
  }
  if (files.length === 0) throw new MillraceError('NOT_FOUND', `${path}: the folder holds no *.parquet file`)
  const odd = files.find((file) => /[*?[\]{}]/.test(file))
  if (odd !== undefined) throw new MillraceError('PATH_OUTSIDE_ROOT', `${odd}: DuckDB would take it for a pattern; expected a path without * ? [ ] { }`)
  return files
}

/** Columns that only some of the files have are null in the others. */
export function readParquet(files: readonly string[]): string {
  return `read_parquet([${files.map(literal).join(', ')}], union_by_name = true)`
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

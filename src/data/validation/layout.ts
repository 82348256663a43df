import { conforms, expectedType, typeOfText, type Column, type Table } from '../../domain/contract/index.ts'
import { identifier, literal } from '../../platform/duckdb/index.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Engine } from './engine.ts'
import type { DataFile } from './files.ts'

/** How one of the contract's columns stands in the files. */
export interface ColumnState {
  readonly column: Column
  /** The type it is scanned as; undefined where no file has it. */
  readonly type: string | undefined
  /** A boolean column of the view, true on rows whose value is of the right type; undefined where that is every row. */
  readonly flag: string | undefined
  /** A column of the positioned view with the text as it stands in the file, of which the value was parsed; undefined where nothing is parsed. */
  readonly raw: string | undefined
  /** No row of it can be judged. */
  readonly unusable: boolean
  /** Files that lack it, and files (Parquet) in which it has another type. */
  readonly missing: readonly FileState[]
  readonly wrong: readonly (FileState & { readonly type: string })[]
  readonly textual: boolean
}

export interface FileState {
  readonly path: string
  readonly rows: number
}

export interface Layout {
  readonly files: readonly FileState[]
  readonly rows: number
  readonly columns: readonly ColumnState[]
  /** Columns that the contract does not name → the files that have them. */
  readonly others: ReadonlyMap<string, readonly FileState[]>
}

/** The contract's columns of all rows of all files. `POSITIONED` has `__file` and `__row` besides, at some cost. */
export const DATA = '__data'
export const POSITIONED = '__positioned'
const ROW = '__row'

interface Inspected extends FileState {
  readonly absolute: string
  /** What SQL reads it from: the file itself or, for CSV, the table it was read into. */
  readonly source: string
  readonly types: ReadonlyMap<string, string>
}

/** Reads the files' schemas and lays the two views over them. */
export async function layOut(engine: Engine, files: readonly DataFile[], table: Table): Promise<Layout> {
  const inspected: Inspected[] = []
  for (const [index, file] of files.entries()) inspected.push(await inspect(engine, file, index))
  const textual = files[0]?.format === 'csv'
  const columns = table.columns.map((column, index) => stateOf(column, index, inspected, textual))
  const groups = Map.groupBy(inspected, (file) => JSON.stringify([...file.types]))
  const union = (positioned: boolean): string =>
    [...groups.values()].flatMap((group) => (textual ? group.map((file) => [file]) : [group])).map((group) => select(group, columns, textual, positioned)).join(' UNION ALL ')
  await engine.run(`CREATE TEMP VIEW ${identifier(DATA)} AS ${union(false)}`)
  await engine.run(`CREATE TEMP VIEW ${identifier(POSITIONED)} AS ${union(true)}`)
  const plain = inspected.map(({ path, rows }) => ({ path, rows }))
  return { files: plain, rows: plain.reduce((sum, file) => sum + file.rows, 0), columns, others: othersOf(inspected, table) }
}

async function inspect(engine: Engine, file: DataFile, index: number): Promise<Inspected> {
  const path = literal(file.absolute)
  try {
    const source = file.format === 'csv' ? await load(engine, path, `__csv${index}`) : `read_parquet(${list([path])})`
    const described = await engine.rows(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${source})`)
    const counted = await engine.rows(`SELECT ${file.format === 'csv' ? `count(*) AS rows FROM ${source}` : `sum(num_rows) AS rows FROM parquet_file_metadata(${path})`}`)
    const types = new Map(described.map((row) => [String(row['column_name']), String(row['column_type'])]))
    if (file.format === 'csv') types.delete(ROW)
    return { path: file.path, absolute: file.absolute, source, rows: Number(counted[0]?.['rows'] ?? 0), types }
  } catch (error) {
    const [first] = errorMessage(error).replaceAll(file.absolute, file.path).split('\n')
    throw new MillraceError('DATA_UNREADABLE', `${file.path} cannot be read as ${file.format === 'csv' ? 'CSV' : 'Parquet'}: ${first}`, { cause: error })
  }
}

/** Text is parsed once and kept, since every pass over it would parse it again. An empty field is null, a quoted empty one an empty text. */
async function load(engine: Engine, path: string, table: string): Promise<string> {
  await engine.run(
    `CREATE TEMP TABLE ${table} AS SELECT *, row_number() OVER () - 1 AS ${ROW} FROM read_csv(${path}, header = true, all_varchar = true, allow_quoted_nulls = false)`,
  )
  return table
}

function stateOf(column: Column, index: number, files: readonly Inspected[], textual: boolean): ColumnState {
  const having = files.flatMap((file) => {
    const type = file.types.get(column.name)
    return type === undefined ? [] : [{ path: file.path, rows: file.rows, type }]
  })
  const missing = files.filter((file) => !file.types.has(column.name)).map(({ path, rows }) => ({ path, rows }))
  if (textual) {
    const type = having.length === 0 ? undefined : typeOfText(column)
    const wrong = type === undefined ? having : []
    const parsed = type !== undefined && type !== 'VARCHAR'
    const flagged = missing.length > 0 || parsed
    const names = { flag: flagged ? `__v${index}` : undefined, raw: parsed ? `__t${index}` : undefined }
    return { column, type: type ?? (having.length > 0 ? 'VARCHAR' : undefined), ...names, unusable: type === undefined, missing, wrong, textual }
  }
  const wrong = having.filter((file) => !conforms(column, file.type))
  const [right] = having.filter((file) => conforms(column, file.type))
  const types = new Set(having.map((file) => file.type))
  const type = types.size === 1 ? having[0]?.type : (right?.type ?? (types.size > 1 ? 'VARCHAR' : undefined))
  const flag = (missing.length > 0 || wrong.length > 0) && right !== undefined ? `__v${index}` : undefined
  return { column, type, flag, raw: undefined, unusable: right === undefined, missing, wrong, textual }
}

function select(files: readonly Inspected[], columns: readonly ColumnState[], textual: boolean, positioned: boolean): string {
  const [first] = files
  const projections = columns.flatMap((state) => {
    const name = identifier(state.column.name)
    const found = first?.types.get(state.column.name)
    const value = found === undefined ? `CAST(NULL AS ${state.type ?? 'VARCHAR'})` : read(name, found, state)
    const flag = state.flag === undefined ? [] : [`${found === undefined ? 'false' : valid(name, found, state)} AS ${identifier(state.flag)}`]
    const raw = state.raw === undefined || !positioned ? [] : [`${found === undefined ? 'CAST(NULL AS VARCHAR)' : name} AS ${identifier(state.raw)}`]
    return [`${value} AS ${name}`, ...flag, ...raw]
  })
  if (projections.length === 0) projections.push('1 AS __nothing')
  // CSV files are tables of their own; Parquet files of one schema are read together.
  const paths = list(files.map((file) => literal(file.absolute)))
  if (!positioned) return `SELECT ${projections.join(', ')} FROM ${textual ? first?.source : `read_parquet(${paths})`}`
  const where = textual ? `${literal(first?.path ?? '')} AS __file, ${ROW}` : `${pathOf(files)} AS __file, file_row_number AS ${ROW}`
  const source = textual ? first?.source : `read_parquet(${paths}, filename = true, file_row_number = true)`
  return `SELECT ${projections.join(', ')}, ${where} FROM ${source}`
}

function pathOf(files: readonly Inspected[]): string {
  return `CASE filename ${files.map((file) => `WHEN ${literal(file.absolute)} THEN ${literal(file.path)}`).join(' ')} ELSE filename END`
}

function read(name: string, found: string, state: ColumnState): string {
  const { type } = state
  if (type === undefined || type === found) return name
  // TRY_CAST rounds '1.5' to 2; a whole number is digits only.
  if (state.textual && state.column.logicalType === 'integer') return `CASE WHEN regexp_full_match(trim(${name}), '[+-]?[0-9]+') THEN TRY_CAST(${name} AS ${type}) END`
  return `TRY_CAST(${name} AS ${type})`
}

function valid(name: string, found: string, state: ColumnState): string {
  if (state.textual) return `(${name} IS NULL OR (${read(name, found, state)}) IS NOT NULL)`
  return conforms(state.column, found) ? 'true' : 'false'
}

function othersOf(files: readonly Inspected[], table: Table): ReadonlyMap<string, readonly FileState[]> {
  const known = new Set(table.columns.map((column) => column.name))
  const others = new Map<string, FileState[]>()
  for (const { path, rows, types } of files) {
    for (const name of types.keys()) {
      if (!known.has(name)) others.set(name, [...(others.get(name) ?? []), { path, rows }])
    }
  }
  return others
}

/** `2013-04.parquet has VARCHAR, INTEGER expected`: why a column cannot be judged there. */
export function describeState(state: ColumnState): string {
  const lacking = state.missing.map((file) => `${file.path} has no column ${state.column.name}`)
  const wrong = state.wrong.map((file) => `in ${file.path} ${state.column.name} is ${file.type}, expected ${expectedType(state.column)}`)
  const all = [...lacking, ...wrong]
  return all.length > 3 ? `${all.slice(0, 3).join('; ')}; and ${all.length - 3} more files` : all.join('; ')
}

function list(items: readonly string[]): string {
  return `[${items.join(', ')}]`
}

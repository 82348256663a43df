import { compileFeatures, type FeatureTable } from '../../domain/feature-builder.ts'
import { fullFeatureName, type FeatureSpec } from '../../domain/feature-spec.ts'
import { DuckDb, identifier, literal } from '../../platform/duckdb/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { Random } from './random.ts'

/** Rows to learn from or to be judged on: the model's inputs after feature engineering, and labels, in the order of the file. */
export interface TrainingTable {
  readonly rows: number
  readonly numeric: readonly Float32Array[]
  readonly categorical: readonly (readonly (string | null)[])[]
  readonly labels: Float64Array
  /** Moment of prediction, milliseconds. */
  readonly moments: Float64Array
}

/** Reads what `features build` wrote. Transformations are applied here, by the code that serving uses. */
export async function readTrainingTable(file: string, spec: FeatureSpec): Promise<TrainingTable> {
  const categories = new Set(spec.categorical.flatMap((input) => input.of))
  const used = [...new Set([...spec.numeric, ...spec.categorical].flatMap((input) => input.of))]
  const columns = ['CAST(_label AS DOUBLE) AS _label', 'CAST(epoch_us(_moment) / 1000 AS DOUBLE) AS _moment']
  for (const column of used) {
    const name = identifier(column.includes(':') ? fullFeatureName(column) : column)
    columns.push(`CAST(${name} AS ${categories.has(column) ? 'VARCHAR' : 'DOUBLE'}) AS ${name}`)
  }
  const database = await DuckDb.open({ memory: '128MB', threads: 1 })
  let table: FeatureTable & { numbers(column: string): Float64Array }
  try {
    table = await database.columns(`SELECT ${columns.join(', ')} FROM read_parquet(${literal(file)})`)
  } finally {
    database.close()
  }
  const { numeric, categorical } = compileFeatures(spec).buildColumns(table)
  return { rows: table.rows, numeric, categorical, labels: table.numbers('_label'), moments: table.numbers('_moment') }
}

/** The given rows, in the given order. */
export function selectRows(table: TrainingTable, rows: ArrayLike<number>): TrainingTable {
  const gather = <T extends Float32Array | Float64Array>(from: T, into: T): T => {
    for (let i = 0; i < rows.length; i++) into[i] = from[rows[i]!]!
    return into
  }
  return {
    rows: rows.length,
    numeric: table.numeric.map((column) => gather(column, new Float32Array(rows.length))),
    categorical: table.categorical.map((column) => Array.from(rows, (row) => column[row]!)),
    labels: gather(table.labels, new Float64Array(rows.length)),
    moments: gather(table.moments, new Float64Array(rows.length)),
  }
}

/** The rows of `a`, then those of `b`. */
export function concatRows(a: TrainingTable, b: TrainingTable): TrainingTable {
  const joined = <T extends Float32Array | Float64Array>(into: T, first: T, second: T): T => {
    into.set(first)
    into.set(second, first.length)
    return into
  }
  const rows = a.rows + b.rows
  return {
    rows,
    numeric: a.numeric.map((column, i) => joined(new Float32Array(rows), column, b.numeric[i]!)),
    categorical: a.categorical.map((column, i) => column.concat(b.categorical[i]!)),
    labels: joined(new Float64Array(rows), a.labels, b.labels),
    moments: joined(new Float64Array(rows), a.moments, b.moments),
  }
}

/** The same rows with each other's labels: a model trained on them has nothing to learn, and a gate that lets it pass is broken. */
export function shuffleLabels(table: TrainingTable, seed: number): TrainingTable {
  return { ...table, labels: new Random(seed).shuffle(table.labels.slice()) }
}

/** LEARNER_INVALID unless the table has rows of both classes. */
export function requireBothClasses(table: TrainingTable, name: string): void {
  const positives = table.labels.reduce((sum, label) => sum + label, 0)
  if (table.rows === 0 || positives === 0 || positives === table.rows) {
    throw new MillraceError('LEARNER_INVALID', `${name}: ${table.rows} rows, ${positives} of them positive; a classifier needs rows of both classes`)
  }
}

import { mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DuckDb, identifier, literal } from '../../platform/duckdb/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { momentColumns } from '../../domain/moment.ts'
import type { FeatureSpec } from '../../domain/feature-spec.ts'
import type { FeatureDefinitions, FeatureService, LabelDefinition } from './definition.ts'
import { joinAsOf, prepareViews } from './join.ts'
import { momentSql, readSource, sampleSql, sourceFiles } from './sources.ts'
import { featureSpecOf } from './spec.ts'

export interface BuildOptions {
  /** The project's folder: sources are read below it. */
  readonly root: string
  /** Where `train.parquet`, `test.parquet` and `features.json` go. */
  readonly out: string
  /** Share of the labelled rows to learn from, 0 … 1. Features are always computed from all rows of their sources. */
  readonly sample: number
  /** The rows of the last so many days, by moment of prediction, are held out as the test set. */
  readonly holdoutDays: number
  /** DuckDB's memory limit, such as 112MB; more is spilled to disk where an operation can. */
  readonly memory?: string
}

export interface BuiltFeatures {
  readonly spec: FeatureSpec
  readonly trainRows: number
  readonly testRows: number
  /** The held-out rows are those after it, RFC 3339. */
  readonly cut: string
}

/**
 * Writes the training table of a service: for every sampled row with a label its key and raw inputs, the features of the store as of the
 * moment of prediction, `_moment` and `_label`; ordered by moment and key, so that the same sources give the same file.
 */
export async function buildFeatures(definitions: FeatureDefinitions, service: FeatureService, options: BuildOptions): Promise<BuiltFeatures> {
  const spec = featureSpecOf(definitions, service)
  const database = await DuckDb.open(options.memory === undefined ? {} : { memory: options.memory })
  try {
    await makeSpine(database, service, options)
    const { cut, train, test } = await split(database, service, options.holdoutDays)
    const prepared = await prepareViews(database, options.root, definitions, spec.online)
    mkdirSync(options.out, { recursive: true })
    const order = ['_us', ...service.key.map(identifier)].join(', ')
    // Joined part by part into its file: the whole table never stands in memory.
    for (const [part, rows] of [
      ['train', `_us <= ${cut}`],
      ['test', `_us > ${cut}`],
    ] as const) {
      const joined = joinAsOf(prepared, `(FROM spine WHERE ${rows})`)
      await copy(database, `SELECT * EXCLUDE (_us), make_timestamptz(_us) AS _moment FROM (${joined}) ORDER BY ${order}`, join(options.out, `${part}.parquet`))
    }
    writeFileDurable(join(options.out, 'features.json'), `${JSON.stringify(spec, null, 2)}\n`)
    return { spec, trainRows: train, testRows: test, cut: new Date(cut / 1000).toISOString() }
  } finally {
    database.close()
  }
}

async function makeSpine(database: DuckDb, service: FeatureService, options: BuildOptions): Promise<void> {
  const { sql: source, columns: types } = await readSource(
    database,
    sourceFiles(options.root, service.path),
    new Map([...labelType(service.label), ...service.inputs.map(({ name, type }) => [name, type] as const)]),
  )
  const columns = [...new Set([...service.key, ...service.inputs.map((input) => input.name), ...momentColumns(service.moment)])]
  const missing = [...columns, service.label.column].find((column) => !types.has(column))
  if (missing !== undefined) throw new MillraceError('FEATURES_INVALID', `${service.path}: service ${service.name} needs the column ${missing}; there are ${[...types.keys()].join(', ')}`)
  await database.run(`
    CREATE TEMP TABLE spine AS
    SELECT ${columns.map(identifier).join(', ')}, CAST(${labelSql(service.label)} AS INTEGER) AS _label, ${momentSql(service.moment)} AS _us
    FROM ${source}
    WHERE ${identifier(service.label.column)} IS NOT NULL AND _us IS NOT NULL ${options.sample < 1 ? `AND ${sampleSql(service.key, types, options.sample)}` : ''}`)
}

/** Text is compared with text, numbers with numbers: in a CSV file the column is what the definition compares it with. */
function labelType(label: LabelDefinition): readonly (readonly [string, 'string' | 'double'])[] {
  return [[label.column, 'above' in label || typeof label.equals !== 'string' ? 'double' : 'string']]
}

function labelSql(label: LabelDefinition): string {
  const column = identifier(label.column)
  if ('above' in label) return `${column} > ${label.above}`
  if (typeof label.equals === 'string') return `CAST(${column} AS VARCHAR) = ${literal(label.equals)}`
  return `CAST(${column} AS DOUBLE) = ${Number(label.equals)}`
}

async function split(database: DuckDb, service: FeatureService, holdoutDays: number): Promise<{ cut: number; train: number; test: number }> {
  const last = (await database.columns('SELECT CAST(max(_us) AS DOUBLE) AS last FROM spine')).numbers('last')[0] ?? Number.NaN
  if (Number.isNaN(last)) throw new MillraceError('DATA_UNREADABLE', `${service.path} holds no row with a label (${service.label.column}) and a moment of prediction`)
  const cut = last - holdoutDays * 86_400_000_000
  const counts = await database.columns(`
    SELECT CAST(count(*) FILTER (WHERE _us <= ${cut}) AS DOUBLE) AS train, CAST(count(*) FILTER (WHERE _us > ${cut}) AS DOUBLE) AS test FROM spine`)
  const train = counts.numbers('train')[0] ?? 0
  const test = counts.numbers('test')[0] ?? 0
  if (train === 0) throw new MillraceError('DATA_UNREADABLE', `${service.path}: all ${test} labelled rows lie in the last ${holdoutDays} days, none is left to learn from`)
  return { cut, train, test }
}

/** A reader sees the old file or the whole new one. */
async function copy(database: DuckDb, query: string, file: string): Promise<void> {
  const temporary = join(dirname(file), `.${process.pid}.tmp`)
  await database.run(`COPY (${query}) TO ${literal(temporary)} (FORMAT parquet, COMPRESSION zstd)`)
  renameSync(temporary, file)
}

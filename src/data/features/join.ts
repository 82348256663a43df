import { identifier, type DuckDb } from '../../platform/duckdb/index.ts'
import { fullFeatureName } from '../../domain/feature-spec.ts'
import type { AggregatedFeature, Entity, FeatureDefinitions, FeatureView, LatestView, WindowView } from './definition.ts'
import { momentSql, readSource, sourceFiles, type SourceTypes } from './sources.ts'

/** The SQL of a join whose views stand ready in a database. */
export interface PreparedViews {
  readonly columns: readonly string[]
  readonly joins: readonly string[]
}

/** Makes a table of each view that `references` (`view:feature`) name, for `joinAsOf`. Sources are read below `root`. */
export async function prepareViews(database: DuckDb, root: string, definitions: FeatureDefinitions, references: readonly string[]): Promise<PreparedViews> {
  const columns: string[] = []
  const joins: string[] = []
  for (const [view, names] of byView(definitions, references)) {
    const entity = definitions.entities.get(view.entity)!
    const { sql } = await readSource(database, sourceFiles(root, view.source.path), typesOf(view, entity))
    const key = identifier(entity.joinKey)
    const part = view.kind === 'latest' ? await joinLatest(database, view, names, sql, key) : await joinWindow(database, view, names, sql, key)
    columns.push(...part.columns)
    joins.push(part.joins)
  }
  return { columns, joins }
}

/**
 * The point-in-time join, as a SELECT. `spine` is a table or subquery with the entities' join keys and `_us`, the moment of each row in microseconds
 * since 1970. The answer has all its columns and one per reference, `view__feature`, as of that moment. Every row of the spine survives,
 * once, whatever is missing.
 */
export function joinAsOf({ columns, joins }: PreparedViews, spine: string): string {
  return `SELECT spine.*${columns.map((column) => `, ${column}`).join('')} FROM ${spine} AS spine ${joins.join(' ')}`
}

function byView(definitions: FeatureDefinitions, references: readonly string[]): Map<FeatureView, string[]> {
  const found = new Map<FeatureView, string[]>()
  for (const reference of references) {
    const [viewName = '', featureName = ''] = reference.split(':')
    const view = definitions.views.get(viewName)!
    found.set(view, [...(found.get(view) ?? []), featureName])
  }
  return found
}

/** What the columns of a view's source must be, where it is text. */
function typesOf(view: FeatureView, entity: Entity): SourceTypes {
  const { time, created } = view.source
  return new Map([
    ...(view.kind === 'latest' ? view.features.map(({ column, type }) => [column, type] as const) : view.features.flatMap(({ column }) => (column === undefined ? [] : [[column, 'double'] as const]))),
    [entity.joinKey, entity.type],
    [time.column, 'datetime'],
    ...time.plusMinutes.map((column) => [column, 'double'] as const),
    ...(created === undefined ? [] : [[created, 'datetime'] as const]),
  ])
}

interface JoinPart {
  readonly columns: readonly string[]
  readonly joins: string
}

async function joinLatest(database: DuckDb, view: LatestView, names: readonly string[], source: string, key: string): Promise<JoinPart> {
  const table = identifier(`view_${view.name}`)
  const features = names.map((name) => view.features.find((feature) => feature.name === name)!)
  const columns = features.map((feature) => `${castFeature(feature.column, feature.type)} AS ${identifier(feature.name)}`)
  // ASOF leaves ties open, so there must be none. Without a column that tells which row was written last, the larger values win: any rule that always chooses alike.
  const order = [...(view.source.created === undefined ? [] : [identifier(view.source.created)]), ...features.map((feature) => identifier(feature.column))]
  await database.run(`
    CREATE OR REPLACE TEMP TABLE ${table} AS
    SELECT ${key} AS _key, ${momentSql(view.source.time)} AS _us, ${columns.join(', ')}
    FROM ${source}
    WHERE _us IS NOT NULL AND _key IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY ${key}, _us ORDER BY ${order.map((column) => `${column} DESC NULLS LAST`).join(', ')}) = 1`)
  const alias = identifier(`latest_${view.name}`)
  const fresh = view.ttlMs === undefined ? undefined : `${alias}._us >= spine._us - ${view.ttlMs * 1000}`
  return {
    columns: features.map((feature) => {
      const value = `${alias}.${identifier(feature.name)}`
      return `${fresh === undefined ? value : `CASE WHEN ${fresh} THEN ${value} END`} AS ${identifier(fullFeatureName(`${view.name}:${feature.name}`))}`
    }),
    joins: `ASOF LEFT JOIN ${table} AS ${alias} ON spine.${key} = ${alias}._key AND spine._us >= ${alias}._us`,
  }
}

function castFeature(column: string, type: LatestView['features'][number]['type']): string {
  return `CAST(${identifier(column)} AS ${type === 'string' ? 'VARCHAR' : 'DOUBLE'})`
}

/**
 * Running totals per entity make a window the difference of two as-of lookups: at its new end and at its old one. Their cost does not grow with
 * the number of events in a window.
 */
async function joinWindow(database: DuckDb, view: WindowView, names: readonly string[], source: string, key: string): Promise<JoinPart> {
  const table = identifier(`view_${view.name}`)
  const features = names.map((name) => view.features.find((feature) => feature.name === name)!)
  const parts = features.flatMap((feature, i) => [`${countOf(feature)} AS n${i}`, `${sumOf(feature)} AS s${i}`])
  const running = features.flatMap((_, i) => [`sum(n${i}) OVER running AS n${i}`, `sum(s${i}) OVER running AS s${i}`])
  await database.run(`
    CREATE OR REPLACE TEMP TABLE ${table} AS
    WITH moments AS (
      SELECT ${key} AS _key, ${momentSql(view.source.time)} AS _us, ${parts.join(', ')}
      FROM ${source}
      WHERE _us IS NOT NULL AND _key IS NOT NULL
      GROUP BY ALL)
    SELECT _key, _us, ${running.join(', ')} FROM moments
    WINDOW running AS (PARTITION BY _key ORDER BY _us ROWS UNBOUNDED PRECEDING)`)
  const end = identifier(`end_${view.name}`)
  const start = identifier(`start_${view.name}`)
  return {
    columns: features.map((feature, i) => `${windowSql(feature, i, start, end)} AS ${identifier(fullFeatureName(`${view.name}:${feature.name}`))}`),
    joins: `
      ASOF LEFT JOIN ${table} AS ${end} ON spine.${key} = ${end}._key AND spine._us >= ${end}._us
      ASOF LEFT JOIN ${table} AS ${start} ON spine.${key} = ${start}._key AND spine._us - ${view.windowMs * 1000} >= ${start}._us`,
  }
}

function countOf(feature: AggregatedFeature): string {
  return `CAST(count(${feature.column === undefined ? '*' : identifier(feature.column)}) AS DOUBLE)`
}

function sumOf(feature: AggregatedFeature): string {
  if (feature.column === undefined) return 'CAST(0 AS DOUBLE)'
  const column = identifier(feature.column)
  const value = feature.aggregate === 'share' ? `CASE WHEN ${column} > ${feature.above} THEN 1 WHEN ${column} IS NOT NULL THEN 0 END` : column
  return `CAST(coalesce(sum(${value}), 0) AS DOUBLE)`
}

function windowSql(feature: AggregatedFeature, i: number, start: string, end: string): string {
  const count = `(coalesce(${end}.n${i}, 0) - coalesce(${start}.n${i}, 0))`
  const sum = `(coalesce(${end}.s${i}, 0) - coalesce(${start}.s${i}, 0))`
  if (feature.aggregate === 'count') return count
  return feature.aggregate === 'sum' ? `CASE WHEN ${count} > 0 THEN ${sum} END` : `CASE WHEN ${count} > 0 THEN ${sum} / ${count} END`
}

import type { Scalar } from '../../../api/serving.ts'
import { momentColumns, momentOf, timeOf } from '../../../domain/moment.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { AggregatedFeature, FeatureDefinitions, FeatureView } from '../definition.ts'

/** What the online side needs of a feature view: how a pushed row is dated and kept, and how features come of it. */
export interface OnlineView {
  readonly name: string
  readonly entity: string
  readonly joinKey: string
  /** `latest`: one row per entity and moment, a second one corrects the first. `window`: every row is an event of its own. */
  readonly kind: FeatureView['kind']
  /** Source columns that are kept, in the order in which a row's values stand. */
  readonly columns: readonly string[]
  /** What the values of a column must be; null is always allowed, and a column that is not named here may hold anything. */
  readonly types: ReadonlyMap<string, 'number' | 'string' | 'boolean'>
  /** The column that tells when a row was written, or undefined: then the row that arrives last is the correction. */
  readonly created: string | undefined
  readonly features: readonly OnlineFeature[]
  /** Milliseconds for which a `latest` row counts after its moment, that moment included; undefined: without end. */
  readonly ttlMs: number | undefined
  /** Milliseconds since 1970, or NaN for a row that is no event (a flight that never departed). */
  readonly timeOf: (row: Readonly<Record<string, Scalar>>) => number
  /** The columns that `timeOf` reads. */
  readonly timeColumns: readonly string[]
}

export type OnlineFeature = LatestFeature | AggregateFeature

/** The value of the newest row at or before the moment asked for. */
export interface LatestFeature {
  readonly kind: 'latest'
  readonly name: string
  /** Index into `columns`. */
  readonly column: number
}

/** A value computed over the rows in (moment − window, moment]. */
export interface AggregateFeature {
  readonly kind: 'aggregate'
  readonly name: string
  readonly windowMs: number
  /** Over `rows[from]` up to, not including, `rows[to]`; null where the aggregate of these rows is not defined. */
  readonly over: (rows: readonly (readonly Scalar[])[], from: number, to: number) => number | null
}

export function onlineViews(definitions: FeatureDefinitions): ReadonlyMap<string, OnlineView> {
  return new Map([...definitions.views].map(([name, view]) => [name, onlineView(definitions, view)]))
}

function onlineView(definitions: FeatureDefinitions, view: FeatureView): OnlineView {
  const entity = definitions.entities.get(view.entity)
  if (entity === undefined) throw new MillraceError('FEATURES_INVALID', `feature view ${view.name}: there is no entity ${view.entity}`)
  const { time, created } = view.source
  const columns = [...new Set(view.features.flatMap(({ column }) => column ?? []).concat(created ?? []))]
  return {
    name: view.name,
    entity: view.entity,
    joinKey: entity.joinKey,
    kind: view.kind,
    columns,
    types: columnTypes(view),
    created,
    features:
      view.kind === 'latest'
        ? view.features.map(({ name, column }) => ({ kind: 'latest', name, column: columns.indexOf(column) }))
        : view.features.map((feature) => ({ kind: 'aggregate', name: feature.name, windowMs: view.windowMs, over: aggregation(feature, columns) })),
    ttlMs: view.kind === 'latest' ? view.ttlMs : undefined,
    timeOf: (row) => momentOf(time, row),
    timeColumns: momentColumns(time),
  }
}

function columnTypes(view: FeatureView): OnlineView['types'] {
  const types = new Map<string, 'number' | 'string' | 'boolean'>()
  if (view.kind === 'latest') {
    for (const { column, type } of view.features) types.set(column, type === 'string' || type === 'boolean' ? type : 'number')
  } else {
    for (const { column } of view.features) if (column !== undefined) types.set(column, 'number')
  }
  return types
}

/** The aggregates as definition.ts describes them: an event whose column is null takes no part. */
function aggregation({ aggregate, column, above }: AggregatedFeature, columns: readonly string[]): AggregateFeature['over'] {
  if (column === undefined) return (_rows, from, to) => to - from
  const index = columns.indexOf(column)
  return (rows, from, to) => {
    let count = 0
    let sum = 0
    for (let at = from; at < to; at++) {
      const value = rows[at]?.[index] ?? null
      if (value === null) continue
      count++
      if (aggregate === 'share') sum += Number(value) > (above ?? Number.NaN) ? 1 : 0
      else if (aggregate !== 'count') sum += Number(value)
    }
    if (aggregate === 'count') return count
    if (count === 0) return null
    return aggregate === 'sum' ? sum : sum / count
  }
}

/** The position of a row among several of one moment: later written comes later. Rows that do not say are all alike. */
export function createdOf(view: OnlineView, value: Scalar | undefined): number {
  const time = view.created === undefined ? 0 : timeOf(value)
  return Number.isNaN(time) ? -Infinity : time
}

const LEAST_RETENTION_MS = 7 * 86_400_000
const RETENTION_FACTOR = 10

/** How long behind the newest row the older ones are kept, in milliseconds: ten times what a question can reach back to, and at least a week. */
export function retentionMs(view: OnlineView): number {
  const windows = view.features.map((feature) => (feature.kind === 'aggregate' ? feature.windowMs : 0))
  return Math.max(LEAST_RETENTION_MS, RETENTION_FACTOR * Math.max(view.ttlMs ?? 0, ...windows))
}

/** Whether an entity's newest row must outlive the retention, because it counts without end. */
export function keepsNewest(view: OnlineView): boolean {
  return view.kind === 'latest' && view.ttlMs === undefined
}

import type { ColumnType } from '../../domain/column-type.ts'
import type { MomentExpression } from '../../domain/moment.ts'

/**
 * What `features/*.yaml` says, parsed. The offline join (training) and the online store (serving) both answer from these definitions,
 * so their meaning is written here once. Everything is *as of* a moment t: nothing with an event time after t is ever seen.
 */
export interface FeatureDefinitions {
  readonly entities: ReadonlyMap<string, Entity>
  readonly views: ReadonlyMap<string, FeatureView>
  readonly services: ReadonlyMap<string, FeatureService>
}

/** What features are about. */
export interface Entity {
  readonly name: string
  /** The column that identifies one, in every source and in every request. */
  readonly joinKey: string
  readonly type: 'string' | 'long'
  readonly description: string
}

export interface Source {
  /** A Parquet or CSV file, or a folder whose files of one of these kinds together are the source; relative to the project. */
  readonly path: string
  /** When a row of the source happened, and so could be known. A row without it (a flight that never departed) is no event. */
  readonly time: MomentExpression
  /** When the row was written, for corrections: of several rows of one entity and time the one written last counts. */
  readonly created: string | undefined
}

export type FeatureView = LatestView | WindowView

/** The newest row of the entity: the largest event time ts with t − ttl ≤ ts ≤ t, both ends included; none: every feature is null. */
export interface LatestView {
  readonly kind: 'latest'
  readonly name: string
  readonly entity: string
  readonly source: Source
  /** Milliseconds; undefined: a value never grows too old. */
  readonly ttlMs: number | undefined
  readonly features: readonly StoredFeature[]
  readonly description: string
}

export interface StoredFeature {
  readonly name: string
  /** The source's column. */
  readonly column: string
  readonly type: Extract<ColumnType, 'string' | 'long' | 'double' | 'boolean'>
  readonly description: string
}

/** Aggregates of the entity's events with t − window < ts ≤ t: the old end excluded, the new end included. */
export interface WindowView {
  readonly kind: 'window'
  readonly name: string
  readonly entity: string
  readonly source: Source
  readonly windowMs: number
  readonly features: readonly AggregatedFeature[]
  readonly description: string
}

/**
 * `count` of the events; `sum` and `mean` of a column; `share` of the events whose column is above a number. An event whose column
 * is null does not take part (in `count` without a column every event does). Without any event `count` is 0, the others null.
 */
export interface AggregatedFeature {
  readonly name: string
  readonly aggregate: 'count' | 'sum' | 'mean' | 'share'
  /** undefined only for `count`. */
  readonly column: string | undefined
  /** Set for `share`, strictly above. */
  readonly above: number | undefined
  readonly description: string
}

/** What one model is made of: rows to learn from, the moment of prediction, the label, and its inputs. */
export interface FeatureService {
  readonly name: string
  readonly description: string
  /** Rows to learn from: a file or a folder, as `Source.path`. */
  readonly path: string
  /** The columns that together name a row; sampling hashes them, so that a row is in the sample or not whatever else there is. */
  readonly key: readonly string[]
  readonly entity: string
  readonly moment: MomentExpression
  readonly label: LabelDefinition
  /** The raw columns that a request brings. */
  readonly inputs: readonly { readonly name: string; readonly type: ColumnType; readonly required: boolean }[]
  readonly numeric: readonly InputDefinition[]
  readonly categorical: readonly InputDefinition[]
}

/** 1 where the column is above a number, or equals a value; else 0. A row in which it is null is left out. */
export type LabelDefinition = { readonly column: string } & ({ readonly above: number } | { readonly equals: string | number | boolean })

/** One input of the model: a transformation (src/domain/transforms.ts) of raw columns and features (`view:feature`). */
export interface InputDefinition {
  readonly name: string
  readonly transform: string
  readonly of: readonly string[]
}

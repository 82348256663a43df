/** The features service speaks Feast's REST shape (feature_server.py); `as_of`, `event_timestamp_column` and `row_key_column` are ours. */
export interface GetOnlineFeaturesRequest {
  /** `view:feature` each. */
  readonly features: readonly string[]
  /** Join key → one value per row. */
  readonly entities: Readonly<Record<string, readonly (string | number)[]>>
  readonly full_feature_names?: boolean
  /** One moment per row (RFC 3339 or milliseconds), each answered as of it; absent: the service's project time. Values later than it are never given. */
  readonly as_of?: readonly (string | number)[]
}

export type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

export interface GetOnlineFeaturesResponse {
  /** One per name in `metadata.feature_names`, in that order: the join keys first, then the features. */
  readonly results: readonly {
    readonly values: readonly (string | number | boolean | null)[]
    readonly statuses: readonly FeatureStatus[]
    readonly event_timestamps: readonly string[]
  }[]
  readonly metadata: { readonly feature_names: readonly string[] }
}

export interface PushRequest {
  /** The feature view whose source the rows are of. */
  readonly push_source_name: string
  /** Column → one value per row; must hold the join key and the columns that tell the row's moment (RFC 3339 or milliseconds). */
  readonly df: Readonly<Record<string, readonly (string | number | boolean | null)[]>>
  /** The column that holds the row's moment; absent: it is computed from the row as the view's source says. */
  readonly event_timestamp_column?: string
  /** For views over windows: the column that names an event, so that a second row of that name and moment corrects the first; absent: the whole row is its name. */
  readonly row_key_column?: string
  readonly to?: 'online'
}

/** 200 once all rows are on disk. The same push again changes nothing. */
export interface PushResponse {
  /** New rows and corrections. */
  readonly changed: number
  readonly unchanged: number
  /** Rows without a moment: not events. */
  readonly undated: number
  /** Rows from before what is kept. */
  readonly expired: number
}

export interface FeatureViewSummary {
  readonly name: string
  readonly entity: string
  readonly features: readonly string[]
  readonly online: true
  /** Rows kept in the online store. */
  readonly rows: number
}

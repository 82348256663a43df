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
  /** Column → one value per row; must hold the join key and the view's timestamp column (RFC 3339 or milliseconds). */
  readonly df: Readonly<Record<string, readonly (string | number | boolean | null)[]>>
  readonly to?: 'online'
}

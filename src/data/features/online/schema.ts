import Type from 'typebox'

const key = Type.Union([Type.String(), Type.Number()])
const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])

export const getOnlineFeaturesBody = Type.Object({
  features: Type.Array(Type.String(), { minItems: 1, maxItems: 1000, description: 'view:feature each' }),
  entities: Type.Record(Type.String(), Type.Array(key, { maxItems: 10_000 }), { description: 'Join key → one value per row' }),
  full_feature_names: Type.Optional(Type.Boolean({ description: 'Name results view__feature' })),
  as_of: Type.Optional(Type.Array(key, { description: 'One moment per row, RFC 3339 or milliseconds; absent: project time' })),
})

export const pushBody = Type.Object({
  push_source_name: Type.String({ description: 'The feature view' }),
  df: Type.Record(Type.String(), Type.Array(scalar, { maxItems: 100_000 }), { description: 'Column → one value per row' }),
  event_timestamp_column: Type.Optional(Type.String()),
  row_key_column: Type.Optional(Type.String()),
  to: Type.Optional(Type.Literal('online')),
})

export const viewParams = Type.Object({ name: Type.String() })

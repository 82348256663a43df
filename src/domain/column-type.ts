import Type, { type Static } from 'typebox'

/** MLflow's names of column types (mlflow/types/schema.py), those that a row in JSON can hold. */
export const columnTypeSchema = Type.Union([
  Type.Literal('string'),
  Type.Literal('long'),
  Type.Literal('double'),
  Type.Literal('boolean'),
  Type.Literal('datetime'),
])

export type ColumnType = Static<typeof columnTypeSchema>

export const COLUMN_TYPES: readonly ColumnType[] = columnTypeSchema.anyOf.map((literal) => literal.const)

import Type, { type Static } from 'typebox'
import { columnTypeSchema } from '../../domain/column-type.ts'

/** The shape of `features/*.yaml`: one definition a file, told apart by `kind`. What it means: definition.ts. */
const closed = <P extends Parameters<typeof Type.Object>[0]>(properties: P) => Type.Object(properties, { additionalProperties: false })
const name = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]*$', description: 'Letters, digits, - and _' })
const column = Type.String({ minLength: 1, description: 'Name of a column' })
const duration = Type.String({ pattern: '^-?\\d+(s|m|h|d)$', description: 'A duration such as 30m, 2h or 14d' })
const description = Type.String({ default: '', description: 'For people' })
const path = Type.String({ minLength: 1, description: 'A Parquet or CSV file, or a folder of them, relative to the project' })

const moment = {
  column,
  plus_minutes: Type.Array(column, { default: [], description: 'Columns whose minutes are added' }),
  offset: Type.String({ pattern: '^-?\\d+(s|m|h|d)$', default: '0m', description: 'A constant that is added, such as -1h' }),
}

const source = closed({
  path,
  time: closed(moment),
  created: Type.Optional(Type.String({ minLength: 1, description: 'Column that tells when the row was written' })),
})

export const entitySchema = closed({
  kind: Type.Literal('entity'),
  name,
  join_key: column,
  type: Type.Union([Type.Literal('string'), Type.Literal('long')], { default: 'string' }),
  description,
})

export const latestViewSchema = closed({
  kind: Type.Literal('latest'),
  name,
  entity: name,
  description,
  source,
  ttl: Type.Optional(duration),
  features: Type.Array(
    closed({
      name,
      column: Type.Optional(column),
      type: Type.Union([Type.Literal('double'), Type.Literal('long'), Type.Literal('string'), Type.Literal('boolean')], { default: 'double' }),
      description,
    }),
    { minItems: 1 },
  ),
})

export const windowViewSchema = closed({
  kind: Type.Literal('window'),
  name,
  entity: name,
  description,
  source,
  window: duration,
  features: Type.Array(
    closed({
      name,
      aggregate: Type.Union([Type.Literal('count'), Type.Literal('sum'), Type.Literal('mean'), Type.Literal('share')]),
      column: Type.Optional(column),
      above: Type.Optional(Type.Number({ description: 'For share: the number that the column must be above' })),
      description,
    }),
    { minItems: 1 },
  ),
})

const input = closed({
  name,
  transform: Type.String({ default: 'passthrough', description: 'Name of a transformation' }),
  of: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'Raw columns, and features as view:feature' }),
})

export const serviceSchema = closed({
  kind: Type.Literal('service'),
  name,
  description,
  path,
  key: Type.Array(column, { minItems: 1 }),
  entity: name,
  moment: closed(moment),
  label: closed({
    column,
    above: Type.Optional(Type.Number({ description: 'The label is 1 above this number' })),
    equals: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: 'The label is 1 where the column has this value' })),
  }),
  inputs: Type.Array(
    closed({
      name: column,
      type: columnTypeSchema,
      required: Type.Boolean({ default: true }),
    }),
    { minItems: 1 },
  ),
  numeric: Type.Array(input, { default: [] }),
  categorical: Type.Array(input, { default: [] }),
})

export type EntityYaml = Static<typeof entitySchema>
export type LatestViewYaml = Static<typeof latestViewSchema>
export type WindowViewYaml = Static<typeof windowViewSchema>
export type ServiceYaml = Static<typeof serviceSchema>

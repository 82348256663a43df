import Type, { type Static } from 'typebox'
import { columnTypeSchema } from '../../domain/column-type.ts'

/** The shape of `features/*.yaml`: one definition a file, told apart by `kind`. What it means: definition.ts. */
const closed = <P extends Parameters<typeof Type.Object>[0]>(properties: P) => Type.Object(properties, { additionalProperties: false })
const named = (description: string) => Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]*$', form: 'name', description })
const columnOf = (description: string) => Type.String({ minLength: 1, form: 'column', description })
const name = named('Letters, digits, - and _')
const column = columnOf('Name of a column')
const duration = (description: string) => Type.String({ pattern: '^-?\\d+(s|m|h|d)$', form: 'duration, as `30m`, `2h`, `14d`', description })
const description = Type.String({ default: '', description: 'For people' })
const path = Type.String({ minLength: 1, description: 'A Parquet or CSV file, or a folder of them, relative to the project' })

const moment = {
  column: columnOf('The column that tells when: a moment, read as UTC where it has no zone'),
  plus_minutes: Type.Array(column, { default: [], description: 'Columns whose minutes are added' }),
  offset: Type.String({ pattern: '^-?\\d+(s|m|h|d)$', form: 'duration, as `-1h`, `30d`', default: '0m', description: 'A constant that is added, such as -1h' }),
}

const source = closed({
  path,
  time: closed(moment),
  created: Type.Optional(Type.String({ minLength: 1, form: 'column', description: 'When the row was written: of several rows of one entity and moment the one written last counts' })),
})

export const entitySchema = closed({
  kind: Type.Literal('entity'),
  name,
  join_key: columnOf('The column that identifies one, in every source and every request'),
  type: Type.Union([Type.Literal('string'), Type.Literal('long')], { default: 'string', description: 'Type of the join key' }),
  description,
})

export const latestViewSchema = closed({
  kind: Type.Literal('latest'),
  name,
  entity: named('Whose features they are'),
  description,
  source,
  ttl: Type.Optional(duration('Older values are missing; left out: a value never grows too old')),
  features: Type.Array(
    closed({
      name,
      column: Type.Optional(columnOf('The column of the source; left out: the one of that name')),
      type: Type.Union([Type.Literal('double'), Type.Literal('long'), Type.Literal('string'), Type.Literal('boolean')], { default: 'double', description: 'Of the value' }),
      description,
    }),
    { minItems: 1 },
  ),
})

export const windowViewSchema = closed({
  kind: Type.Literal('window'),
  name,
  entity: named('Whose features they are'),
  description,
  source,
  window: duration('Events of so long before the moment asked for count: the old end excluded, the new one included'),
  features: Type.Array(
    closed({
      name,
      aggregate: Type.Union([Type.Literal('count'), Type.Literal('sum'), Type.Literal('mean'), Type.Literal('share')], {
        description: 'An event whose column is null takes no part. Without events `count` is 0 and the others are missing',
      }),
      column: Type.Optional(columnOf('What is aggregated: numbers; only `count` does without')),
      above: Type.Optional(Type.Number({ description: 'For `share`, which is the share of events whose column is above this' })),
      description,
    }),
    { minItems: 1 },
  ),
})

const input = closed({
  name: named('Name of the input of the model, which drift reports use'),
  transform: Type.String({ default: 'passthrough', description: 'One of the transformations below; a categorical input has none' }),
  of: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'What it is made of: inputs, and features as `view:feature`' }),
})

export const serviceSchema = closed({
  kind: Type.Literal('service'),
  name,
  description,
  path,
  key: Type.Array(column, { minItems: 1, description: 'The columns that together name a row; sampling hashes them' }),
  entity: named('Whose features are looked up; its join key must be an input'),
  moment: closed(moment),
  label: closed({
    column: columnOf('What becomes known later; a row in which it is null is not learned from'),
    above: Type.Optional(Type.Number({ description: 'The label is 1 above this number' })),
    equals: Type.Optional(Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: 'The label is 1 where the column has this value' })),
  }),
  inputs: Type.Array(
    closed({
      name: columnOf('A raw column that a request brings, and the table of rows to learn from has'),
      type: Type.Union(columnTypeSchema.anyOf, { description: "MLflow's names; a `long` is a whole number, a `datetime` RFC 3339 or milliseconds since 1970" }),
      required: Type.Boolean({ default: true, description: 'Whether a request without it is refused' }),
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

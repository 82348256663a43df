import Type, { type Static } from 'typebox'

const closed = <P extends Parameters<typeof Type.Object>[0]>(properties: P) => Type.Object(properties, { additionalProperties: false })
const duration = (description: string) => Type.String({ pattern: '^\\d+(ms|s|m|h|d)$', form: 'a duration, as `30m`, `6h` or `1d`', description })
const oneOf = <T extends string>(names: readonly T[], byDefault: T, description: string) =>
  Type.Union(
    names.map((name) => Type.Literal(name)),
    { default: byDefault, description },
  )

/** How a new version takes over the requests of a deployment, step by step. */
export const rolloutSchema = closed({
  candidate: Type.String({ minLength: 1, default: 'challenger', description: 'Alias of the version that is tried' }),
  start: oneOf(['manual', 'automatic'], 'manual', '`manual`: by `millrace deploy start`; `automatic`: as soon as the candidate alias names a version that has not been tried'),
  steps: Type.Array(
    closed({
      weight: Type.Number({ minimum: 0, maximum: 100, description: 'Percent of the requests that the candidate answers; never less than in the step before' }),
      pause: Type.Optional(duration('Project time that the step lasts at least; left out: until `millrace deploy resume`')),
    }),
    { minItems: 1, default: [{ weight: 10, pause: '1d' }, { weight: 50, pause: '1d' }], description: 'In order' },
  ),
  promotion: oneOf(['automatic', 'manual'], 'automatic', 'After the last step: `automatic` gives the deployment’s alias to the candidate; `manual` waits for `millrace deploy promote`'),
  header: Type.String({ pattern: '^[A-Za-z0-9-]+$', form: 'letters, digits and `-`', default: 'X-Millrace-Canary', description: 'Request header by which a caller chooses: `always` the candidate, `never` the candidate; any other value says nothing' }),
  sticky: Type.Optional(
    closed({
      header: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]+$', form: 'letters, digits and `-`', description: 'Request header whose value is the key' })),
      column: Type.Optional(Type.String({ minLength: 1, description: 'Input column, or tensor, whose first value is the key' })),
    }),
  ),
  analysis: closed({
    min_requests: Type.Integer({ minimum: 1, default: 100, description: 'Requests that the candidate must have answered in a step before the next, and before it is judged' }),
    max_error_rate: Type.Number({ minimum: 0, maximum: 1, default: 0.01, description: 'Rolled back when the candidate fails at more than this share of its requests' }),
    max_latency: Type.Optional(duration('Rolled back when its p99 is over this')),
    max_latency_ratio: Type.Optional(Type.Number({ minimum: 1, description: 'Rolled back when its p99 is over so many times that of the version it replaces' })),
    quality: Type.Optional(
      closed({
        require: oneOf(['better', 'not_worse', 'nothing'], 'not_worse', 'What the labels must have shown before the promotion; worse is rolled back whatever stands here'),
        margin: Type.Number({ minimum: 0, default: 0.01, description: 'In log loss per row: `better` by more than this, `not_worse` by this at most' }),
        alpha: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.05, description: 'Probability of ever saying better or worse of versions that are alike, however often it is looked' }),
      }),
    ),
  }),
})

export type RolloutConfig = Static<typeof rolloutSchema>

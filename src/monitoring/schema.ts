import Type from 'typebox'

const model = Type.String({ minLength: 1, maxLength: 200 })

export const labelsBody = Type.Object(
  {
    labels: Type.Array(
      Type.Object(
        {
          request_id: Type.String({ minLength: 1, maxLength: 200 }),
          row: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
          label: Type.Integer({ minimum: 0, maximum: 1, description: 'The class that was true: 0 or 1' }),
          time: Type.Optional(Type.String({ format: 'date-time', description: 'When the truth was known, project time' })),
        },
        { additionalProperties: false },
      ),
      { maxItems: 10_000 },
    ),
  },
  { additionalProperties: false },
)
export const pendingQuery = Type.Object({ limit: Type.Integer({ minimum: 0, maximum: 1000, default: 100 }) })
export const modelQuery = Type.Object({ model })
export const reportParams = Type.Object({ id: Type.String() })
export const performanceQuery = Type.Object({
  model,
  by: Type.Union([Type.Literal('month'), Type.Literal('week'), Type.Literal('day')], { default: 'month' }),
  aliases: Type.Optional(Type.String({ description: 'Comma-separated; absent: those that answered, and the shadows that cover their rows' })),
})
export const comparisonQuery = Type.Object({
  model,
  rollout: Type.String({ minLength: 1, description: 'Its id' }),
  champion: Type.String({ minLength: 1, description: 'Version' }),
  candidate: Type.String({ minLength: 1, description: 'Version' }),
  design: Type.Union([Type.Literal('paired'), Type.Literal('unpaired')], { description: 'paired: the candidate in shadow of the champion; unpaired: each on the rows that it answered' }),
  alpha: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.05 }),
})
export const candidatesQuery = Type.Object({ model: Type.Optional(model) })
export const candidateBody = Type.Object({ model, version: Type.String({ minLength: 1, maxLength: 50 }) }, { additionalProperties: false })
export const candidateParams = Type.Object({ id: Type.String() })

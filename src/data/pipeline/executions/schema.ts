import Type from 'typebox'

/** `POST /executions`: src/api/pipelines.ts `ExecutionRequest`. */
export const executionBody = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 200, description: 'Idempotency key: the same key again answers with the same execution' }),
    model: Type.String({ minLength: 1, maxLength: 200, description: 'Registered model that the result becomes a version of' }),
    reason: Type.String({ maxLength: 1000 }),
    commit: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Commit, branch or tag; absent: HEAD' })),
    params: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), { description: 'Overrides in params.yaml, dotted' }),
    ),
    targets: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Stages to run, with what they need; absent: all' })),
  },
  { additionalProperties: false },
)

export const executionParams = Type.Object({ id: Type.String() })

export const listQuery = Type.Object({
  model: Type.Optional(Type.String()),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
})

export const logQuery = Type.Object({
  after: Type.Integer({ minimum: 0, default: 0, description: 'Bytes to leave out at the start' }),
})

export const outboxQuery = Type.Object({
  after: Type.Integer({ minimum: 0, default: 0 }),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 500 }),
  wait: Type.Number({ minimum: 0, maximum: 60, default: 0, description: 'Seconds to wait for a first event' }),
})

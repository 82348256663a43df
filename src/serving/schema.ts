import Type from 'typebox'

/** What the OpenAPI document says of the prediction routes, which are answered before Fastify sees them. */
const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])
const row = Type.Record(Type.String(), scalar)

/** What they say, by name; none is required. */
export const PREDICTION_HEADERS: Readonly<Record<string, string>> = {
  'x-request-id': 'Names the request in the journal; made when absent. The same id may be sent again after a lost answer',
  'x-millrace-model': 'Which model, where several are deployed',
  'x-millrace-time': 'The moment of the request, RFC 3339; only where project time is simulated',
  'x-envoy-expected-rq-timeout-ms': 'Milliseconds after which nobody waits for the answer any more; at most the deployment’s limits.timeout',
  'x-millrace-canary': 'While a rollout is on: `always` asks the version that is tried, `never` the other; any other value says nothing. `deployments[].rollout.header` may give it another name',
  'x-millrace-probe': '`true`: a synthetic request, which monitoring leaves out',
}
export const predictionHeaders = Type.Object(Object.fromEntries(Object.entries(PREDICTION_HEADERS).map(([name, description]) => [name, Type.Optional(Type.String({ description }))])))

export const invocationsBody = Type.Object(
  {
    dataframe_records: Type.Optional(Type.Array(row)),
    dataframe_split: Type.Optional(
      Type.Object({ columns: Type.Optional(Type.Array(Type.String())), index: Type.Optional(Type.Array(Type.Unknown())), data: Type.Array(Type.Array(scalar)) }),
    ),
    instances: Type.Optional(Type.Unknown()),
    inputs: Type.Optional(Type.Unknown()),
    params: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { description: 'Exactly one of dataframe_records, dataframe_split, instances, inputs' },
)
export const predictBody = Type.Object({ instances: Type.Array(Type.Unknown(), { description: 'Objects, or lists in the order of the signature; nested lists for a model of tensors' }) })
export const invocationsAnswer = Type.Object({
  predictions: Type.Unknown({ description: 'For each row `{label, probability}` of a binary classifier, the number of a regression, a record of the outputs of any other model; of a model of tensors each output by name' }),
})

const tensor = Type.Object({
  name: Type.String(),
  shape: Type.Array(Type.Integer({ minimum: 0 })),
  datatype: Type.String(),
  data: Type.Array(Type.Unknown()),
})
export const inferBody = Type.Object({
  id: Type.Optional(Type.String()),
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  inputs: Type.Array(tensor, { minItems: 1 }),
  outputs: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
})
export const inferAnswer = Type.Object({ model_name: Type.String(), model_version: Type.String(), id: Type.String(), outputs: Type.Array(tensor) })

export const modelParams = Type.Object({ model: Type.String() })
export const versionParams = Type.Object({ model: Type.String(), version: Type.String() })

export const journalQuery = Type.Object({
  after: Type.Integer({ minimum: 0, default: 0, description: 'Offset of the first line wanted: 0, or one that an answer gave' }),
  limit: Type.Integer({ minimum: 1, maximum: 16 * 1024 * 1024, default: 1024 * 1024, description: 'Bytes at most; one line is always given whole' }),
  wait: Type.Number({ minimum: 0, maximum: 60, default: 0, description: 'Seconds to wait for a first line' }),
  acknowledge: Type.Optional(Type.Integer({ minimum: 0, description: 'For the monitor alone: everything before this offset is durably taken over, and serving may delete it once it is old enough' })),
})

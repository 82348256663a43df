import Type, { type Static } from 'typebox'
import { basePropertiesSchema } from '../platform/config/index.ts'
import { rolloutSchema } from './rollout-config.ts'

const closed = <P extends Parameters<typeof Type.Object>[0]>(properties: P) => Type.Object(properties, { additionalProperties: false })
const modelName = Type.String({ minLength: 1, description: 'Name of a registered model' })
/** `form` is for people: what the pattern asks for, in docs/configuration.md. */
const days = (byDefault: string, description: string) => Type.String({ pattern: '^\\d+d$', form: 'whole days, as `7d`', default: byDefault, description })

const columnNames = (description: string) => Type.Array(Type.String({ minLength: 1 }), { default: [], description })

/** How the predictions of one deployment are written down. */
const recording = closed({
  mode: Type.Union([Type.Literal('strict'), Type.Literal('relaxed')], { default: 'strict', description: '`strict`: a prediction is in the journal before it is answered. `relaxed`: it is answered first, and written within the window' }),
  window: Type.String({ pattern: '^\\d+ms$', form: 'milliseconds, as `50ms`', default: '50ms', description: 'Relaxed: how long an answered prediction may stay unwritten, which is what a kill can lose' }),
  window_bytes: Type.Integer({ minimum: 1024, maximum: 8 * 1024 * 1024, default: 256 * 1024, description: 'Relaxed: so many bytes are written at once, however young they are' }),
  sample: Type.Number({ minimum: 0, maximum: 1, default: 1, description: 'Share of requests that are recorded with inputs and features, chosen by a hash of the request id; of the others version, time and score are' }),
  mask: closed({
    drop: columnNames('Columns, and features, of which no value is ever written'),
    hash: columnNames('Columns whose values are written as keyed hashes: the same value gives the same hash'),
    contracts: Type.Array(Type.String({ minLength: 1 }), { default: [], description: 'Data contracts, relative to the project: their columns classified `confidential`, `restricted`, `pii` … or tagged `pii` are dropped' }),
  }),
})

const duration = (byDefault: string, description: string) => Type.String({ pattern: '^[1-9]\\d*(ms|s|m)$', form: 'milliseconds, seconds or minutes, as `50ms`', default: byDefault, description })

/** A model that is served: which aliases answer, which run along in shadow. */
const deployment = closed({
  model: modelName,
  alias: Type.String({ default: 'champion', description: 'Alias that answers requests' }),
  shadow: Type.Array(Type.String(), { default: [], description: 'Aliases whose versions predict on the same requests; their answers are journaled, never returned' }),
  rollout: Type.Optional(rolloutSchema),
  features: closed({ deadline: Type.String({ pattern: '^\\d+(ms|s)$', form: 'milliseconds or seconds, as `250ms`', default: '250ms', description: 'How long serving waits for online features; then they are missing, and the journal says so' }) }),
  batch: closed({
    max_rows: Type.Integer({ minimum: 1, maximum: 10_000, default: 256, description: 'Rows of one batch at most' }),
  }),
  run: Type.Union([Type.Literal('auto'), Type.Literal('loop'), Type.Literal('thread')], {
    default: 'auto',
    description: 'Where an ONNX model runs: `loop`, the event loop, which does nothing else meanwhile; `thread`, one of its own; `auto`: in the loop where a run takes a millisecond at most, tried when it is loaded',
  }),
  execution_provider: Type.Union([Type.Literal('cpu'), Type.Literal('cuda')], {
    default: 'cpu',
    description: 'What an ONNX model runs on; `cuda` needs a GPU of NVIDIA and the libraries that docs/serving.md names, and is refused without them',
  }),
  limits: closed({
    max_rows: Type.Integer({ minimum: 1, default: 10_000, description: 'Rows of one request at most' }),
    max_queue: Type.Integer({ minimum: 1, default: 10_000, description: 'Requests waiting at most; beyond that 503' }),
    max_queue_bytes: Type.Integer({ minimum: 1, default: 33_554_432, description: 'Bytes of the requests waiting at most; beyond that 503' }),
    max_wait: duration('1s', 'How long a request may have to wait for the model before it is refused with 503: so long when the queue stands, five times that in a burst, and always twice what it costs itself'),
    timeout: duration('30s', 'A request is answered 504 after so long, or sooner where its caller says so'),
    quota: Type.Optional(
      closed({
        requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: 'Requests of one caller within `per`; beyond that 429. Counted by each instance for itself, its workers together' }),
        per: Type.String({ pattern: '^[1-9]\\d*(s|m|h)$', form: 'seconds, minutes or hours, as `1m`', default: '1m', description: 'Over which a quota is given back' }),
        caller: Type.String({
          pattern: '^[a-zA-Z0-9-]+$',
          form: 'a header, as `x-api-key`, or `address`',
          default: 'address',
          description: 'Who a caller is: whoever sends from one address, or with one value of this header, which then only something in front of serving may set, as the gateway does `x-forwarded-for`',
        }),
      }),
    ),
  }),
  journal: recording,
})

const monitor = closed({
  model: modelName,
  window: days('7d', 'Length of a report window'),
  origin: Type.String({ format: 'date-time', default: '1970-01-05T00:00:00Z', description: 'A moment at which a window begins; 1970-01-05 is a Monday' }),
  drift: closed({
    numeric: Type.Union([Type.Literal('wasserstein'), Type.Literal('psi'), Type.Literal('jensenshannon'), Type.Literal('ks')], { default: 'wasserstein', description: 'How numbers are compared with training; ks gives a p-value, the others a distance' }),
    categorical: Type.Union([Type.Literal('jensenshannon'), Type.Literal('psi'), Type.Literal('chisquare')], { default: 'jensenshannon', description: 'How categories are compared; chisquare gives a p-value' }),
    threshold: Type.Number({ exclusiveMinimum: 0, default: 0.1, description: 'A column has drifted when its distance reaches this, or its p-value falls to it or below' }),
    share: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.5, description: 'The data set has drifted when this share of its columns has' }),
  }),
  performance: closed({
    metric: Type.Union([Type.Literal('log_loss'), Type.Literal('auc')], { default: 'log_loss', description: 'What is watched on labelled rows' }),
    degraded_by: Type.Number({ minimum: 0, default: 0.05, description: 'Degraded: worse than on the held-out rows of training by more than this, in the units of the metric' }),
    min_labels: Type.Integer({ minimum: 1, default: 200, description: 'Labelled rows that a window needs to be judged' }),
  }),
})

const retraining = closed({
  model: modelName,
  on: Type.Array(Type.Union([Type.Literal('drift'), Type.Literal('degraded')]), { default: ['drift', 'degraded'], description: 'What in a report starts a retraining' }),
  at_least_every: Type.Optional(
    Type.String({
      pattern: '^(\\d+d|monthly|weekly)$',
      form: 'whole days, as `31d`, `monthly` or `weekly`',
      description: 'Retrain at the latest after so long; `monthly` is the first of each month, `weekly` each Monday; left out: never by the calendar',
    }),
  ),
  cooldown: days('21d', 'No retraining on drift or degradation so soon after the last one'),
  gate: closed({
    max_calibration_error: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.05, description: 'Expected calibration error on the held-out rows, at most' }),
    max_latency_ms: Type.Number({ exclusiveMinimum: 0, default: 20, description: 'p99 of predicting one row, measured by `millrace evaluate`, in milliseconds' }),
    min_base_rate_gain: Type.Number({ minimum: 0, default: 0.005, description: 'Log loss on the held-out rows is below that of always predicting the base rate by at least this' }),
  }),
  shadow: days('7d', 'How long a candidate runs in shadow; it is judged a day later, when the last labels have come'),
  promote: closed({
    confidence: Type.Number({ exclusiveMinimum: 0.5, exclusiveMaximum: 1, default: 0.9, description: 'Confidence of the one-sided lower bound' }),
    margin: Type.Number({ default: 0, description: 'The lower bound of the paired log-loss gain must exceed this; negative: fresher at so much loss' }),
  }),
})

const patterns = (description: string) => Type.Array(Type.String({ minLength: 1 }), { default: ['*'], description })

/** What must hold before an alias of a registered model moves, and who may change the registry. */
const registry = closed({
  gates: Type.Array(
    closed({
      alias: Type.String({ minLength: 1, description: 'Alias that a version may get only if it passes' }),
      models: Type.Array(Type.String({ minLength: 1 }), { default: ['*'], description: 'Registered models that the gate is for; * is every one' }),
      requires: Type.Array(Type.String({ minLength: 1 }), { description: "Conditions in the search language: tags.gate = 'passed', metrics.auc >= 0.7" }),
    }),
    { default: [] },
  ),
  permissions: closed({
    roles: Type.Array(closed({ role: Type.String({ minLength: 1, description: 'Name that the rules use' }), actors: Type.Array(Type.String({ minLength: 1 }), { description: 'Who has it' }) }), { default: [], description: 'Who has which role' }),
    rules: Type.Array(
      closed({
        role: Type.String({ minLength: 1, description: 'One of the roles; * is everyone' }),
        actions: patterns('Actions such as alias.set or version.*'),
        models: patterns('Names of registered models; * stands for any text'),
        aliases: patterns('Aliases; other than * the rule is for changes of aliases only'),
        effect: Type.Union([Type.Literal('allow'), Type.Literal('deny')], { default: 'allow', description: 'What the rule does' }),
      }),
      { default: [], description: 'In order: the first that fits decides' },
    ),
    default: Type.Union([Type.Literal('loopback'), Type.Literal('allow'), Type.Literal('deny')], {
      default: 'loopback',
      description: 'Where no rule fits; loopback allows what comes from this machine',
    }),
  }),
})

/** Where webhooks of the model registry may be sent. */
const webhooks = closed({
  allow_http: Type.Boolean({ default: false, description: 'http:// too; otherwise https:// only' }),
  allow_private: Type.Boolean({ default: false, description: 'Loopback, private and link-local addresses too: receivers in the same network' }),
})

/** Versions that no alias of `deployments` points at, loaded when they are asked for. */
const onDemand = closed({
  models: Type.Union([Type.Literal('none'), Type.Literal('deployed'), Type.Literal('registered')], {
    default: 'deployed',
    description: 'Of which models any version and any alias may be asked for: `none`, those in `deployments`, or every `registered` one. What may be asked for, a caller can make serving load',
  }),
  alias: Type.String({ minLength: 1, default: 'champion', description: 'Alias that answers for a registered model that is not in `deployments` and is asked for by name alone' }),
  max_bytes: Type.Integer({ minimum: 1024 * 1024, default: 512 * 1024 * 1024, description: 'Memory of all loaded versions, estimated, with the copies that workers have: beyond it those go that were asked for longest ago, but none that an alias of `deployments` points at' }),
  wait: Type.String({ pattern: '^\\d+(ms|s)$', form: 'milliseconds or seconds, as `10s`', default: '10s', description: 'How long a request waits for its version to be loaded; then 503' }),
})

/** millrace.yaml, whole. */
export const projectConfigSchema = closed({
  ...basePropertiesSchema,
  deployments: Type.Array(deployment, { default: [] }),
  journal: closed({
    retention: Type.Optional(Type.String({ pattern: '^\\d+d$', form: 'whole days, as `90d`', description: "How long the journal's own files are kept at least; older ones go once they stand in Parquet and the monitor has taken them over. Left out: for ever" })),
  }),
  on_demand: onDemand,
  model_repository: Type.Optional(
    Type.String({ minLength: 1, description: "A folder of models in Triton's layout (NAME/VERSION/model.onnx), relative to the project, which serving serves instead of the registry's; all of them, unless `deployments` names some" }),
  ),
  monitors: Type.Array(monitor, { default: [] }),
  retraining: Type.Array(retraining, { default: [] }),
  webhooks,
  registry,
})

export type ProjectConfig = Static<typeof projectConfigSchema>
export type DeploymentConfig = Static<typeof deployment>
export type RecordingConfig = Static<typeof recording>
export type OnDemandConfig = Static<typeof onDemand>
export type MonitorConfig = Static<typeof monitor>
export type RetrainingConfig = Static<typeof retraining>
export type RegistryConfig = Static<typeof registry>

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of a duration that the schema has accepted (`7d`). */
export function durationMs(text: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) throw new RangeError(`${JSON.stringify(text)} is no duration`)
  const unit = match[2] as keyof typeof UNIT_MS
  return Number(match[1]) * UNIT_MS[unit]
}

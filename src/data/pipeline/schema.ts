import Type from 'typebox'

const closed = { additionalProperties: false }

const annotations = {
  desc: Type.Optional(Type.String()),
  type: Type.Optional(Type.String()),
  labels: Type.Optional(Type.Array(Type.String())),
  meta: Type.Optional(Type.Unknown()),
}

const outFlags = {
  ...annotations,
  cache: Type.Optional(Type.Boolean()),
  persist: Type.Optional(Type.Boolean()),
  checkpoint: Type.Optional(Type.Boolean()),
  remote: Type.Optional(Type.String()),
  push: Type.Optional(Type.Boolean()),
}

const plotFlags = {
  ...outFlags,
  template: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
  x_label: Type.Optional(Type.String()),
  y_label: Type.Optional(Type.String()),
  title: Type.Optional(Type.String()),
  header: Type.Optional(Type.Boolean()),
}

const outs = Type.Array(Type.Union([Type.String(), Type.Record(Type.String(), Type.Object(outFlags, closed))]))
const Plot = Type.Object(plotFlags, closed)
const plots = Type.Array(Type.Union([Type.String(), Type.Record(Type.String(), Type.Union([Plot, Type.Array(Plot)]))]))
const Vars = Type.Array(Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())]))

const entry = {
  cmd: Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String(), { minItems: 1 })]),
  wdir: Type.Optional(Type.String()),
  deps: Type.Optional(Type.Array(Type.String())),
  params: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Record(Type.String(), Type.Union([Type.Null(), Type.Array(Type.String())]))]))),
  vars: Type.Optional(Vars),
  frozen: Type.Optional(Type.Boolean()),
  meta: Type.Optional(Type.Unknown()),
  desc: Type.Optional(Type.String()),
  always_changed: Type.Optional(Type.Boolean()),
  outs: Type.Optional(outs),
  metrics: Type.Optional(outs),
  plots: Type.Optional(plots),
}

export const StageShape = Type.Object(entry, closed)

export const MatrixShape = Type.Object(
  { ...entry, matrix: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.Unknown())])) },
  closed,
)

export const ForeachShape = Type.Object(
  { foreach: Type.Union([Type.String(), Type.Array(Type.Unknown()), Type.Record(Type.String(), Type.Unknown())]), do: StageShape },
  closed,
)

/** dvc.yaml but for its stages, each of which is checked against one of the three shapes above. */
export const PipelineFileShape = Type.Object(
  {
    stages: Type.Optional(Type.Record(Type.String(), Type.Object({}))),
    vars: Type.Optional(Vars),
    params: Type.Optional(Type.Array(Type.String())),
    metrics: Type.Optional(Type.Array(Type.String())),
    plots: Type.Optional(Type.Unknown()),
    artifacts: Type.Optional(Type.Unknown()),
    datasets: Type.Optional(Type.Unknown()),
  },
  closed,
)

const item = Type.Object(
  {
    path: Type.String({ minLength: 1 }),
    hash: Type.Optional(Type.String()),
    md5: Type.Optional(Type.Union([Type.String({ pattern: '^[0-9a-f]{32}(\\.dir)?$' }), Type.Null()])),
    size: Type.Optional(Type.Integer({ minimum: 0 })),
    nfiles: Type.Optional(Type.Integer({ minimum: 0 })),
    isexec: Type.Optional(Type.Boolean()),
    etag: Type.Optional(Type.String()),
    checksum: Type.Optional(Type.String()),
    version_id: Type.Optional(Type.String()),
    cloud: Type.Optional(Type.Unknown()),
    files: Type.Optional(Type.Unknown()),
    dataset: Type.Optional(Type.Unknown()),
  },
  closed,
)

export const LockStageShape = Type.Object(
  {
    cmd: Type.Union([Type.String(), Type.Array(Type.String())]),
    deps: Type.Optional(Type.Array(item)),
    params: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()))),
    outs: Type.Optional(Type.Array(item)),
  },
  closed,
)

export const LockFileShape = Type.Object(
  {
    schema: Type.Literal('2.0'),
    datasets: Type.Optional(Type.Unknown()),
    stages: Type.Optional(Type.Record(Type.String(), LockStageShape)),
  },
  closed,
)

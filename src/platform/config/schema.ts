import Type, { type Static, type TObject, type TProperties } from 'typebox'
import type { ServiceName } from './names.ts'

export const DEFAULT_PORTS: Readonly<Record<ServiceName, number>> = {
  gateway: 8080,
  serving: 8000,
  tracking: 5000,
  features: 6566,
  monitor: 8001,
  pipelines: 8002,
}

const closed = <P extends TProperties>(properties: P): TObject<P> => Type.Object(properties, { additionalProperties: false })

const serviceProperties = (port: number) =>
  ({
    port: Type.Integer({ minimum: 1, maximum: 65535, default: port, description: 'Port to listen on' }),
    host: Type.String({ default: '127.0.0.1', description: 'Address to listen on; loopback unless told otherwise' }),
    url: Type.Optional(Type.String({ pattern: '^https?://', form: '`http://…` or `https://…`', description: 'Where the other services reach it, if not at host and port' })),
  }) satisfies TProperties

const serviceSchema = (port: number) => closed(serviceProperties(port))

const services = closed({
  gateway: serviceSchema(DEFAULT_PORTS.gateway),
  tracking: serviceSchema(DEFAULT_PORTS.tracking),
  features: serviceSchema(DEFAULT_PORTS.features),
  serving: closed({
    ...serviceProperties(DEFAULT_PORTS.serving),
    instances: Type.Array(Type.String({ pattern: '^http://[^/\\s]+$', form: '`http://HOST:PORT`' }), { default: [], description: 'Where instances of serving answer that a load balancer stands before; see `millrace haproxy`' }),
    workers: Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'Processes that answer predictions at the one port. 1: the service itself; more: so many beside it' }),
    grpc_port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port for the Open Inference Protocol over gRPC, at the same host; left out: no gRPC' })),
    body_limit: Type.Optional(Type.Integer({ minimum: 1024, description: 'Longest body of a prediction, and message of gRPC, in bytes; left out: `http.body_limit`' })),
    json_limit: Type.Integer({ minimum: 1024, default: 2 * 1024 * 1024, description: 'Longest body of a prediction that is no raw tensors, in bytes: JSON, CSV, Parquet, and what of a message of gRPC is not raw. It takes many times its size in memory, and parsing it holds up all other requests' }),
    drain: Type.String({ pattern: '^\\d+(ms|s)$', form: 'milliseconds or seconds, as `5s`', default: '0s', description: 'After SIGTERM: how long it still takes new connections while it says that it is not ready, so that what balances the load sends elsewhere' }),
    busy_poll: Type.String({
      pattern: '^\\d{1,4}us$',
      form: 'microseconds, as `200us`',
      default: '200us',
      description: 'How long after an answer serving waits for the next request awake, as net.core.busy_poll has it: halves the time of a lone caller, for so much processor time an answer where there is little to do. `0us`, and a single core: never',
    }),
    python: Type.Optional(Type.String({ minLength: 1, description: 'Python interpreter with mlflow, for models that are not ONNX: a path, relative to the project, or a name; left out: such models are refused' })),
  }),
  monitor: serviceSchema(DEFAULT_PORTS.monitor),
  pipelines: serviceSchema(DEFAULT_PORTS.pipelines),
})

/** The part of millrace.yaml that says nothing of ML: where services run, where state lives, what time it is. */
export const basePropertiesSchema = {
  project: Type.String({ minLength: 1, pattern: '^[a-z0-9][a-z0-9-]*$', form: 'lower-case letters, digits and `-`', description: 'Name of the project' }),
  clock: Type.Union(
    [Type.Literal('wall'), closed({ simulated: Type.String({ format: 'date-time', description: 'Project time at the first start, RFC 3339' }) })],
    { default: 'wall', description: 'Project time: that of the machine, or one that stands still until `millrace clock` moves it' },
  ),
  durability: Type.Union([Type.Literal('process'), Type.Literal('power')], {
    default: 'process',
    description: 'What an acknowledged write survives: the death of any process, or the loss of power too',
  }),
  storage: closed({
    folder: Type.String({ minLength: 1, default: '.millrace', description: 'Folder for the state of all services, relative to the project' }),
    database: Type.String({
      pattern: '^(sqlite$|postgres(ql)?://)',
      form: '`sqlite` or `postgresql://…`',
      default: 'sqlite',
      description: 'sqlite (a file per service) or postgresql://… (a schema per service)',
      secret: true,
    }),
    artifacts: Type.Optional(
      Type.String({ minLength: 1, description: 'Where tracking keeps artifacts: a folder, relative to the project, or s3://BUCKET/PREFIX; default its own folder' }),
    ),
    default_artifact_root: Type.Optional(
      Type.String({
        pattern: '^(mlflow-artifacts:|s3://|gs://|abfss?://|wasbs?://|hdfs://)',
        form: '`s3://…`, `gs://…`, `abfss://…` …',
        description: 'Where new experiments keep artifacts, if not with the server: an object store that clients reach by themselves',
      }),
    ),
  }),
  http: closed({
    allowed_hosts: Type.Array(Type.String(), { default: [], description: 'Names besides localhost under which the services are called' }),
    body_limit: Type.Integer({ minimum: 1024, default: 16 * 1024 * 1024, description: 'Longest body of a request, in bytes; predictions and artifacts have limits of their own' }),
  }),
  tracking: Type.Optional(
    closed({
      external: Type.Optional(
        Type.String({ pattern: '^https?://', form: '`http://…` or `https://…`', description: 'An MLflow server that is there already: the services use it, and none of our own is started' }),
      ),
    }),
  ),
  services,
} as const satisfies TProperties

export const baseConfigSchema = closed(basePropertiesSchema)
export type BaseConfig = Static<typeof baseConfigSchema>
export type ServiceConfig = BaseConfig['services'][ServiceName]

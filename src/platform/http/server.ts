import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { once } from 'node:events'
import type { Server as NetServer } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyBaseLogger, type FastifyError, type FastifyInstance, LogController, fastify } from 'fastify'
import { PROJECT_HEADER } from '../../api/control.ts'
import { type ProjectIdentity, describeIdentity, formatIdentity } from '../config/index.ts'
import { MillraceError, errnoCode, toMillraceError } from '../errors/index.ts'
import { hexId } from '../ids/index.ts'
import type { Logger } from '../log/index.ts'
import { Counter, Histogram, type Registry } from '../metrics/index.ts'
import { type Tracing, traceIdOf } from '../tracing/index.ts'
import { type DoorOptions, type WholeRequestTaker, openDoor } from './door/index.ts'
import { createHostCheck } from './hosts.ts'
import { type DescribeMore, registerOpenApi } from './openapi.ts'
import { PROBLEM_CONTENT_TYPE, toProblem } from './problem.ts'
import { traceRequests } from './traced.ts'
import { compileValidator } from './validation.ts'

export type HttpServer = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>

/** Answers a request itself and returns true, or leaves it to the routes and returns false. */
export type RequestTaker = (request: IncomingMessage, response: ServerResponse) => boolean

export interface HttpBase {
  readonly http: HttpServer
  /** Lets a hot path answer on the bare node:http server before Fastify sees the request; and plain requests that came whole, before node:http does. */
  readonly take: (taker: RequestTaker, whole: WholeRequestTaker, door?: DoorOptions) => void
  /** What `GET /metrics` answers instead of the registry's own text. */
  readonly report: (metrics: () => Promise<string>) => void
  /** What the OpenAPI document says beside the routes, made with each request of it. */
  readonly describe: (more: DescribeMore) => void
}

export interface HttpOptions {
  readonly service: string
  readonly project: ProjectIdentity
  readonly version: string
  readonly log: Logger
  readonly metrics: Registry
  /** Bytes; a longer body is answered 413. Default 16 MiB. */
  readonly bodyLimit?: number
  readonly allowedHosts?: readonly string[]
  /** Bodies may take as long as they take, so long as bytes keep coming: a large artifact. The limit is then on silence, not on the whole. */
  readonly longBodies?: boolean
  /** Gets a span for each request that the routes answer. */
  readonly tracing?: Tracing | null
}

const DEFAULT_BODY_LIMIT = 16 * 1024 * 1024
/** A request must be whole after so long. */
const REQUEST_MS = 300_000
const REQUEST_ID = /^[\w.:\-/]{1,128}$/

/**
 * The base of every service: request ids (`X-Request-Id` in, else made; always out), problem details, limits, host check, request metrics, and
 * OpenAPI at /docs.
 */
export async function createHttpServer(options: HttpOptions): Promise<HttpBase> {
  let taker: RequestTaker = () => false
  let describeMore: DescribeMore | null = null
  let reported = (): Promise<string> => options.metrics.metrics()
  const logger: FastifyBaseLogger = options.log
  const base = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit ?? DEFAULT_BODY_LIMIT,
    requestIdHeader: false,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    routerOptions: { maxParamLength: 1024 },
    forceCloseConnections: 'idle',
    serverFactory: (handler) =>
      createServer({ keepAliveTimeout: 65_000, requestTimeout: options.longBodies === true ? 0 : REQUEST_MS }, (request, response) => {
        if (!taker(request, response)) handler(request, response)
      }),
  })
  const app: HttpServer = base.withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(compileValidator)

  // Not for every service: watching each socket's silence costs a prediction a sixth of its time.
  if (options.longBodies === true) app.server.setTimeout(REQUEST_MS)
  if (options.tracing) traceRequests(app, options.tracing)
  const hostAllowed = createHostCheck(options.allowedHosts ?? [])
  const project = formatIdentity(options.project)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff').header(PROJECT_HEADER, project)
    if (!hostAllowed(request.headers.host, request.headers.origin)) {
      throw new MillraceError('HOST_NOT_ALLOWED', `the Host or Origin of this request is not one that ${options.service} answers to; see http.allowed_hosts`)
    }
    const wanted = request.headers[PROJECT_HEADER]
    if (typeof wanted === 'string' && wanted !== project) throw mismatch(options.service, wanted, project)
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const known = asMillraceError(error)
    // Where requests are traced, their log names the trace by itself.
    const trace = options.tracing ? {} : { trace_id: traceIdOf(request.headers['traceparent']) }
    if (known.status >= 500) request.log.error({ err: error, request_id: request.id, ...trace, url: request.url }, known.message)
    return reply.status(known.status).type(PROBLEM_CONTENT_TYPE).send(toProblem(known, request.id))
  })
  app.setNotFoundHandler((request) => {
    throw new MillraceError('NOT_FOUND', `${request.method} ${request.url.split('?')[0]}: ${options.service} has no such route`)
  })
  observeRequests(app, options.metrics)
  await registerOpenApi(app, { title: `Millrace ${options.service}`, version: options.version }, () => describeMore)
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(options.metrics.contentType)
    return reported()
  })
  return {
    http: app,
    take: (next, whole, door) => {
      taker = next
      openDoor(app.server, whole, door)
    },
    report: (metrics) => {
      reported = metrics
    },
    describe: (more) => {
      describeMore = more
    },
  }
}

function mismatch(service: string, wanted: string, ours: string): MillraceError {
  return new MillraceError(
    'PROJECT_MISMATCH',
    `${service} answers here for the project ${describeIdentity(ours)}, but was called for ${describeIdentity(wanted)}: stop that project's services, or give this one ` +
      `another port with services.${service}.port (MILLRACE_${service.toUpperCase()}_PORT); to use a service of another project, name it with services.${service}.url`,
  )
}

/** The caller's id if it is a fit one, else a new one: it goes into logs and headers, so it may hold no spaces or line breaks. */
export function requestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : hexId()
}

function observeRequests(app: HttpServer, metrics: Registry): void {
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({ name: 'http_requests_total', help: 'Requests answered', labelNames, registers: [metrics] })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  })
  app.addHook('onResponse', async (request, reply) => {
    // The pattern of the route, not the address: the number of series must not grow with what callers ask for.
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }
    requests.inc(labels)
    duration.observe(labels, reply.elapsedTime / 1000)
  })
}

function asMillraceError(error: FastifyError): MillraceError {
  if (error instanceof MillraceError) return error
  if (error.validation) return new MillraceError('BAD_REQUEST', error.message, { cause: error, details: error.validation })
  switch (error.statusCode) {
    case 413:
      return new MillraceError('BODY_TOO_LARGE', error.message, { cause: error })
    case 415:
      return new MillraceError('UNSUPPORTED_MEDIA_TYPE', error.message, { cause: error })
    default:
      if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
        return new MillraceError('BAD_REQUEST', error.message, { cause: error })
      }
      return toMillraceError(error)
  }
}

/** Listens, and says in words who may hold the port where it is taken. Returns the port, which differs from the asked one only if that was 0. */
export async function listen(app: HttpServer, service: string, host: string, port: number): Promise<number> {
  return whereListening(app.server, () => app.listen({ host, port }), service, port)
}

/** The same for a server that is no HTTP server. */
export async function listenAt(server: NetServer, service: string, host: string, port: number): Promise<number> {
  const listening = async (): Promise<void> => {
    const listened = once(server, 'listening')
    server.listen({ host, port })
    await listened
  }
  return whereListening(server, listening, service, port)
}

async function whereListening(server: NetServer, begin: () => Promise<unknown>, service: string, port: number): Promise<number> {
  try {
    await begin()
  } catch (error) {
    if (errnoCode(error) === 'EADDRINUSE') {
      const { portHolder } = await import('./port-holder.ts')
      const holder = await portHolder(port)
      throw new MillraceError(
        'PORT_TAKEN',
        `port ${port} for ${service} is taken${holder ? ` by ${holder}` : ''}; choose another with MILLRACE_${service.toUpperCase()}_PORT or services.${service}.port`,
        { cause: error },
      )
    }
    if (errnoCode(error) === 'EACCES') {
      throw new MillraceError('PORT_TAKEN', `port ${port} for ${service} needs more rights than this user has; choose one above 1023`, { cause: error })
    }
    throw error
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

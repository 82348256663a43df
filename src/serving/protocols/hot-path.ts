import type { IncomingMessage, ServerResponse } from 'node:http'
import { timeOf } from '../../domain/moment.ts'
import type { Clock } from '../../platform/clock/index.ts'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { type RequestTaker, requestId } from '../../platform/http/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { callerOf } from '../journal/recording.ts'
import type { Deployment } from '../routing/deployment.ts'
import type { Located } from '../routing/locate.ts'
import { splitVersion } from '../routing/reference.ts'
import type { Assignment } from '../rollout/split.ts'
import type { DataPlane } from '../runtime/plane.ts'
import type { ServingMetrics, VersionMetrics } from '../runtime/metrics.ts'
import { BodyBudget, readBody } from './body.ts'
import { mlflowProtocol } from './mlflow.ts'
import type { BinaryAnswer, Protocol } from './protocol.ts'
import { v1Protocol } from './v1.ts'
import { v2Protocol } from './v2/index.ts'

export interface HotPathOptions {
  readonly plane: DataPlane
  readonly deployments: readonly Deployment[]
  /** Where a request goes that names a model, and perhaps a version or `@alias` of it. */
  readonly locate: (model: string, reference: string | undefined) => Located | undefined
  readonly clock: Clock
  readonly metrics: ServingMetrics
  readonly log: Logger
  readonly bodyLimit: number
  readonly hostAllowed: (host: string | undefined, origin: string | undefined) => boolean
  /** True once the service stops: then nothing new is accepted. */
  readonly stopping: () => boolean
}

interface Route {
  readonly protocol: Protocol
  readonly model: string | undefined
  readonly version: string | undefined
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly started: number
  id: string
  /** Whether the body was received to its end. */
  whole: boolean
  /** The deployment that was meant, once it is known: a label of metrics, so never what a caller made up. */
  model: string
  /** Where a rollout is on, and the request names no version. */
  assignment: Assignment | null
}

const INFER = /^\/v2\/models\/([^/?]+)(?:\/versions\/([^/?]+))?\/infer$/
const PREDICT = /^\/v1\/models\/([^/?]+?)(?:\/versions\/([^/?]+))?:predict$/
/** Bodies being received, all together, in multiples of the limit of one. */
const BODIES_AT_ONCE = 8

/** Answers predictions on the bare node:http server, in the shapes of each protocol. Everything else is left to the routes. */
export function createHotPath(options: HotPathOptions): RequestTaker {
  const { plane, clock, metrics, log } = options
  const budget = new BodyBudget(options.bodyLimit * BODIES_AT_ONCE)

  const refuse = (exchange: Exchange, error: unknown): void => {
    const known = toMillraceError(error)
    if (known.status >= 500 && known.code !== 'OVERLOADED') log.error({ err: error, request_id: exchange.id }, known.message)
    metrics.failed(exchange.model, known.code)
    exchange.assignment?.meter.failed(known.code)
    const { contentType, body } = exchange.route.protocol.refuse(known, exchange.id)
    const headers = ['Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(body)), 'X-Request-Id', exchange.id, 'X-Content-Type-Options', 'nosniff']
    if (known.status === 503 || known.status === 507) headers.push('Retry-After', '1')
    // The rest of a refused body is not read: the connection cannot be used again.
    if (!exchange.whole) headers.push('Connection', 'close')
    exchange.response.writeHead(known.status, headers)
    exchange.response.end(body)
  }

  const answer = async (exchange: Exchange, bytes: Buffer): Promise<void> => {
    const { request, route } = exchange
    try {
      const { deployment, reference } = locate(options, route, request.headers['x-millrace-model'])
      if (deployment.declared) exchange.model = deployment.name
      const split = reference === undefined ? deployment.split : null
      const aimed = split?.preferred(headerOf(request)) ?? (reference === undefined ? deployment.target() : deployment.at(reference))
      let target = aimed instanceof Promise ? await aimed : aimed
      exchange.model = deployment.name
      const body = { bytes, headers: request.headers }
      const parsing = route.protocol.parse(body, target.model)
      let parsed = parsing instanceof Promise ? await parsing : parsing
      if (parsed.id !== undefined && request.headers['x-request-id'] === undefined) exchange.id = parsed.id
      if (split !== null) {
        exchange.assignment = split.assign(deployment.target(), { id: exchange.id, header: headerOf(request), parsed })
        const read = target.model
        target = exchange.assignment.target
        if (target.model !== read) parsed = await route.protocol.parse(body, target.model)
      }
      const exposure = exchange.assignment?.exposure
      const { id } = exchange
      const time = timeOfRequest(clock, request.headers['x-millrace-time'])
      const probe = request.headers['x-millrace-probe'] === 'true'
      const caller = callerOf(request.headers['x-millrace-actor'])
      if ('tensors' in parsed) {
        const { tensors: inputs, fetch } = parsed
        const prediction = await plane.tensors.infer(deployment, target, { id, time, probe, caller, exposure, inputs, fetch })
        finish(exchange, parsed.present(prediction, id), prediction)
      } else {
        const prediction = await plane.predict(deployment, target, { id, time, probe, caller, exposure, rows: parsed.rows })
        finish(exchange, parsed.present(prediction, id), prediction)
      }
    } catch (error) {
      refuse(exchange, error)
    }
  }

  return (request, response) => {
    if (request.method !== 'POST') return false
    const route = routeOf(request.url ?? '')
    if (route === undefined) return false
    const exchange: Exchange = { request, response, route, started: performance.now(), id: requestId(request.headers['x-request-id']), model: '', whole: false, assignment: null }
    try {
      admit(options, request)
      route.protocol.accept(request.headers['content-type'])
    } catch (error) {
      request.resume()
      refuse(exchange, error)
      return true
    }
    readBody(request, options.bodyLimit, budget, (error, bytes) => {
      if (bytes === null) return refuse(exchange, error)
      exchange.whole = true
      void answer(exchange, bytes)
    })
    return true
  }
}

function finish({ response, id, started, assignment }: Exchange, answer: string | BinaryAnswer, { version, metrics }: { readonly version: string; readonly metrics: VersionMetrics }): void {
  const headers = ['X-Request-Id', id, 'X-Millrace-Model-Version', version, 'X-Content-Type-Options', 'nosniff']
  send(response, answer, headers)
  const seconds = (performance.now() - started) / 1000
  metrics.duration.observe(seconds)
  assignment?.meter.answered(seconds)
}

function send(response: ServerResponse, answer: string | BinaryAnswer, headers: readonly string[]): void {
  if (typeof answer !== 'string') {
    response.writeHead(200, [...answer.headers, 'Content-Length', String(answer.body.length), ...headers])
    response.end(answer.body)
    return
  }
  const bytes = Buffer.byteLength(answer)
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(bytes), ...headers])
  // ASCII, as nearly all answers are, is cheaper to write as Latin-1 and gives the same bytes.
  response.end(answer, bytes === answer.length ? 'latin1' : 'utf8')
}

const INVOCATIONS: Route = { protocol: mlflowProtocol, model: undefined, version: undefined }
const ROUTES = new Map<string, Route>([['/invocations', INVOCATIONS]])
const ROUTES_KEPT = 1000

/** The route of an address, remembered: there are few, and they are asked for again and again. */
function routeOf(url: string): Route | undefined {
  const known = ROUTES.get(url)
  if (known) return known
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (path === '/invocations') return INVOCATIONS
  const infer = INFER.exec(path)
  const match = infer ?? PREDICT.exec(path)
  if (!match) return undefined
  const [, model = '', version] = match
  try {
    const route: Route = { protocol: infer ? v2Protocol : v1Protocol, model: decodeURIComponent(model), version: version === undefined ? undefined : decodeURIComponent(version) }
    if (ROUTES.size < ROUTES_KEPT) ROUTES.set(url, route)
    return route
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function admit(options: HotPathOptions, { headers }: IncomingMessage): void {
  if (!options.hostAllowed(headers.host, headers.origin)) {
    throw new MillraceError('HOST_NOT_ALLOWED', 'the Host or Origin of this request is not one that serving answers to; see http.allowed_hosts')
  }
  if (options.stopping()) throw new MillraceError('UNAVAILABLE', 'serving is stopping')
}

function locate({ deployments, locate: find }: HotPathOptions, route: Route, header: string | string[] | undefined): Located {
  const asked = route.model === undefined ? (typeof header === 'string' ? splitVersion(header) : undefined) : { model: route.model, reference: route.version }
  if (asked !== undefined) {
    const located = find(asked.model, asked.reference)
    if (located) return located
    throw new MillraceError('NOT_FOUND', `no model ${asked.model} is deployed here; deployed: ${namesOf(deployments)}`)
  }
  const [only] = deployments
  if (deployments.length === 1 && only) return { deployment: only, reference: undefined }
  if (!only) throw new MillraceError('NOT_FOUND', 'no model is deployed here: add it to `deployments` in millrace.yaml')
  throw new MillraceError('BAD_REQUEST', `several models are deployed here: name one in the header X-Millrace-Model (${namesOf(deployments)})`)
}

function namesOf(deployments: readonly Deployment[]): string {
  return deployments.map((deployment) => deployment.name).join(', ') || 'none'
}

function headerOf({ headers }: IncomingMessage): (name: string) => string | undefined {
  return (name) => {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }
}

/** Where project time is simulated, a request says its own moment in X-Millrace-Time; else that means nothing. */
export function timeOfRequest(clock: Clock, header: string | string[] | undefined): number {
  if (!clock.simulated || header === undefined) return clock.project().getTime()
  const time = timeOf(header)
  if (Number.isFinite(time)) return time
  throw new MillraceError('BAD_REQUEST', `X-Millrace-Time is ${JSON.stringify(header)}, expected an RFC 3339 time`)
}

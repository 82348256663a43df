import type { Clock } from '../../platform/clock/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { type RequestTaker, type WholeRequestTaker, requestId } from '../../platform/http/index.ts'
import { type QuotaState, quotaExceeded } from '../limits/quota.ts'
import type { Deployment } from '../routing/deployment.ts'
import type { Located } from '../routing/locate.ts'
import { splitVersion } from '../routing/reference.ts'
import type { DataPlane } from '../runtime/plane.ts'
import { BodyBudget, type BodyLimits, limitOf, readBody } from './body.ts'
import { Exchange, type ExchangeOptions, type Route } from './exchange.ts'
import { mlflowProtocol } from './mlflow.ts'
import { predict } from './predict.ts'
import { v1Protocol } from './v1.ts'
import { v2Protocol } from './v2/index.ts'

export interface HotPathOptions extends ExchangeOptions {
  readonly plane: DataPlane
  readonly deployments: readonly Deployment[]
  /** Where a request goes that names a model, and perhaps a version or `@alias` of it. */
  readonly locate: (model: string, reference: string | undefined) => Located | undefined
  /** Whom a quota by address counts a request for. */
  readonly addressOf: (request: Exchange['request']) => string | undefined
  readonly clock: Clock
  readonly bodyLimits: BodyLimits
  readonly hostAllowed: (host: string | undefined, origin: string | undefined) => boolean
}

const INFER = /^\/v2\/models\/([^/?]+)(?:\/versions\/([^/?]+))?\/infer$/
const PREDICT = /^\/v1\/models\/([^/?]+?)(?:\/versions\/([^/?]+))?:predict$/
/** Bodies being received, all together, in multiples of the limits of one. */
const PARSED_AT_ONCE = 8
const RAW_AT_ONCE = 4

export interface HotPath {
  /** On the bare node:http server. */
  readonly take: RequestTaker
  /** Before node:http: plain requests that came whole. */
  readonly takeWhole: WholeRequestTaker
}

/** Answers predictions, in the shapes of each protocol. Everything else is left to the routes. */
export function createHotPath(options: HotPathOptions): HotPath {
  const { plane, deployments, lifecycle } = options
  const { bodyLimits } = options
  const budget = new BodyBudget(Math.max(bodyLimits.parsed * PARSED_AT_ONCE, bodyLimits.raw * RAW_AT_ONCE))
  const counting = deployments.some((deployment) => deployment.quota !== null)

  const answer = async (exchange: Exchange): Promise<void> => {
    lifecycle.inFlight++
    try {
      if (lifecycle.stopping) throw new MillraceError('UNAVAILABLE', 'serving is stopping')
      exchange.answer(await predict(options, exchange, locate(options, exchange.route, exchange.request.headers['x-millrace-model'])))
    } catch (error) {
      exchange.refuse(error)
    } finally {
      lifecycle.inFlight--
    }
  }

  /** What can be refused by the headers alone. A promise only where another process counts the quota. */
  const admit = (exchange: Exchange): Promise<void> | undefined => {
    const { request, route, started } = exchange
    const { headers } = request
    if (!options.hostAllowed(headers.host, headers.origin)) {
      throw new MillraceError('HOST_NOT_ALLOWED', 'the Host or Origin of this request is not one that serving answers to; see http.allowed_hosts')
    }
    if (lifecycle.stopping) throw new MillraceError('UNAVAILABLE', 'serving is stopping')
    route.protocol.accept(headers['content-type'])
    const pressed = plane.entrance.pressed(started)
    if (!counting && !pressed) return undefined
    const { deployment, reference } = locate(options, route, headers['x-millrace-model'])
    if (deployment.declared) exchange.model = deployment.name
    const { quota } = deployment
    if (pressed && reference === undefined) plane.checkDoor(deployment)
    if (quota === null) return undefined
    const count = (state: QuotaState): void => {
      exchange.counted(quota, state)
      if (!state.allowed) throw quotaExceeded(deployment.name, quota, state)
    }
    const taken = quota.take(quota.callerOf(exchange, options.addressOf(request)), started)
    if (taken instanceof Promise) return taken.then(count)
    count(taken)
    return undefined
  }

  /** Goes on with what may come in. */
  const whenAdmitted = (exchange: Exchange, goOn: () => void): void => {
    let admission: Promise<void> | undefined
    try {
      admission = admit(exchange)
    } catch (error) {
      return exchange.refuse(error)
    }
    if (admission) admission.then(goOn, (error: unknown) => exchange.refuse(error))
    else goOn()
  }

  return {
    take: (request, response) => {
      if (request.method !== 'POST') return false
      const route = routeOf(request.url ?? '')
      if (route === undefined) return false
      const exchange = new Exchange(request, response, route, requestId(request.headers['x-request-id']), options, { request, response })
      whenAdmitted(exchange, () =>
        readBody(request, limitOf(route.protocol, request.headers, bodyLimits), budget, (error, bytes) => {
          if (bytes === null) return exchange.refuse(error)
          exchange.body = bytes
          void answer(exchange)
        }),
      )
      return true
    },
    takeWhole: (request, response) => {
      const route = routeOf(request.url)
      if (route === undefined || request.headers['content-encoding'] !== undefined || request.body.length > bodyLimits.parsed) return false
      const exchange = new Exchange(request, response, route, requestId(request.headers['x-request-id']), options, null)
      exchange.body = request.body
      whenAdmitted(exchange, () => void answer(exchange))
      return true
    },
  }
}

const INVOCATIONS: Route = { protocol: mlflowProtocol, model: undefined, version: undefined, pattern: '/invocations' }
const ROUTES = new Map<string, Route>([['/invocations', INVOCATIONS]])
const ROUTES_KEPT = 1000

/** The route of an address, remembered: there are few, and they are asked for again and again. */
export function routeOf(url: string): Route | undefined {
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
    const pattern = `${infer ? '/v2' : '/v1'}/models/:model${version === undefined ? '' : '/versions/:version'}${infer ? '/infer' : ':predict'}`
    const route: Route = { protocol: infer ? v2Protocol : v1Protocol, model: decodeURIComponent(model), version: version === undefined ? undefined : decodeURIComponent(version), pattern }
    if (ROUTES.size < ROUTES_KEPT) ROUTES.set(url, route)
    return route
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
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

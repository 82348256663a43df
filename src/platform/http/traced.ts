import type { IncomingHttpHeaders } from 'node:http'
import { type ErrorCode, MillraceError, toMillraceError } from '../errors/index.ts'
import { type RequestSpan, type TraceHeaders, type Tracing, incomingTrace } from '../tracing/index.ts'
import type { HttpServer } from './server.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False: its requests get no span. For what others ask for again and again, and for what has one already. */
    readonly traced?: boolean
  }
}

interface Traced {
  readonly span: RequestSpan
  /** To the service that the request was passed on to. */
  onward: RequestSpan | null
  error: Error | null
}

/** By node's own request. */
const ONGOING = new WeakMap<object, Traced>()
/** What every service answers to those who watch it, and to the other services. */
const WATCHING = /^\/(?:-\/|docs(?:\/|$)|metrics$|health$)/

/** A span for each request, named by the pattern of its route; its trace is named in what the request logs. */
export function traceRequests(app: HttpServer, tracing: Tracing): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { url: route, config } = request.routeOptions
    if (config.traced === false || (route !== undefined && WATCHING.test(route))) return done()
    const { method, url, headers, id: requestId } = request
    const span = tracing.http({ method, route: route?.replace('::', ':'), url, headers, requestId })
    ONGOING.set(request.raw, { span, onward: null, error: null })
    const log = request.log.child({ trace_id: span.traceId })
    request.log = log
    reply.log = log
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) answered(request.raw, undefined, 'CANCELLED')
    })
    done()
  })
  app.addHook('onError', (request, _reply, error, done) => {
    const traced = ONGOING.get(request.raw)
    if (traced) traced.error = error
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const error = ONGOING.get(request.raw)?.error
    answered(request.raw, reply.statusCode, error ? codeOf(error, reply.statusCode) : undefined)
    done()
  })
}

/** The headers with which a request is passed on to another service: with its own trace context where it has a span here, else with the one that it came with. */
export function traceOnward<H extends IncomingHttpHeaders>(request: { readonly method: string; readonly raw: object }, upstream: string, headers: H): Omit<H, 'tracestate'> {
  const traced = ONGOING.get(request.raw)
  if (!traced) return headers
  traced.onward = traced.span.call(request.method, upstream)
  // A state belongs to a parent, and is left out where that was wrong.
  const { tracestate: _, ...others } = headers
  return { ...others, ...traced.onward.headers }
}

/** What calls carry that are made to answer a request: the context of its span, or the one that it came with. */
export function traceOf(request: { readonly headers: IncomingHttpHeaders; readonly raw: object }): TraceHeaders | undefined {
  const traced = ONGOING.get(request.raw)
  if (traced) return traced.span.headers
  return incomingTrace((name) => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : undefined
  })
}

function answered(request: object, status: number | undefined, code: ErrorCode | undefined): void {
  const traced = ONGOING.get(request)
  // An error of our own, once the request was on its way, says that the other service gave no answer.
  traced?.onward?.answered(traced.error ? undefined : status, code)
  traced?.span.answered(status, code)
}

/** What was foreseen has its code; of the rest only what is our own failure. */
function codeOf(error: Error, status: number): ErrorCode | undefined {
  if (error instanceof MillraceError) return error.code
  return status >= 500 ? toMillraceError(error).code : undefined
}

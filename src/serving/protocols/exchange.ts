import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { type MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { type Answer, drain } from '../../platform/http/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { RequestSpan, Tracing } from '../../platform/tracing/index.ts'
import type { Lifecycle } from '../limits/lifecycle.ts'
import { type CallerQuota, type QuotaState, rateLimit } from '../limits/quota.ts'
import type { Assignment } from '../rollout/split.ts'
import type { ServingMetrics } from '../runtime/metrics.ts'
import { type Traced, traceIdFor } from '../runtime/spans.ts'
import type { Answered, Question } from './predict.ts'
import type { HttpAnswer, ModelShape, ParsedBody, Protocol } from './protocol.ts'

export interface Route {
  readonly protocol: Protocol
  readonly model: string | undefined
  readonly version: string | undefined
  /** As the routes have it: what spans are named by. */
  readonly pattern: string
}

export interface ExchangeOptions {
  readonly metrics: ServingMetrics
  readonly log: Logger
  readonly lifecycle: Lifecycle
  /** Null where nothing is traced. */
  readonly tracing: Tracing | null
}

/** Of an answer while a rollout is on: `champion` or `candidate`, whichever gave it. */
export const ARM_HEADER = 'X-Millrace-Rollout-Arm'

/** Bytes of a refused body that are read all the same, so that a caller that is still sending hears why. */
const DRAINED = 64 * 1024 * 1024
const UNWATCHED = 64 * 1024
const EMPTY = Buffer.alloc(0)

/** What is known of a request before its body is. */
export interface Asked {
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly socket: { readonly remoteAddress?: string | undefined; readonly writable: boolean }
}

/** A request whose body node:http is still receiving, perhaps. */
interface Receiving {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A request over HTTP and its one answer. */
export class Exchange implements Question<HttpAnswer> {
  readonly request: Asked
  readonly response: Answer
  readonly route: Route
  readonly started = performance.now()
  readonly span: RequestSpan | null
  readonly #options: ExchangeOptions
  id: string
  model = ''
  assignment: Assignment | null = null
  deadline = Number.POSITIVE_INFINITY
  /** Null until it was received to its end. */
  body: Buffer | null = null
  /** Null where the request came whole. */
  readonly #receiving: Receiving | null
  #rate: { readonly quota: CallerQuota; readonly state: QuotaState } | null = null

  constructor(request: Asked, response: Answer, route: Route, id: string, options: ExchangeOptions, receiving: Receiving | null) {
    this.request = request
    this.response = response
    this.#receiving = receiving
    this.route = route
    this.id = id
    this.#options = options
    this.span = options.tracing && this.#begin(options.tracing)
  }

  get bytes(): number {
    return this.body?.length ?? 0
  }

  get gone(): boolean {
    // Not the response's socket: that has none while another is being written before it.
    return this.response.headersSent || !this.request.socket.writable
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }

  parse(model: ModelShape, maxRows: number): ParsedBody | Promise<ParsedBody> {
    return this.route.protocol.parse({ bytes: this.body ?? EMPTY, headers: this.request.headers, maxRows, recipient: this }, model)
  }

  /** Answers will say what is left of the caller's quota. */
  counted(quota: CallerQuota, state: QuotaState): void {
    this.#rate = { quota, state }
  }

  answer({ answer, version, metrics }: Answered<HttpAnswer>): void {
    // Its time was over while the model was at it: it has been refused.
    if (this.response.headersSent) return
    const headers = ['X-Request-Id', this.id, 'X-Millrace-Model-Version', version, 'X-Content-Type-Options', 'nosniff']
    if (this.assignment) headers.push(ARM_HEADER, this.assignment.meter.arm)
    this.#common(headers)
    send(this.response, answer, headers)
    const seconds = (performance.now() - this.started) / 1000
    metrics.duration.observe(seconds)
    this.assignment?.meter.answered(seconds)
    this.span?.answered(200)
  }

  refuse(error: unknown): void {
    if (this.response.headersSent) return
    const known = toMillraceError(error)
    const { metrics, log } = this.#options
    if (known.status >= 500) logRefusal(log, error, known, this)
    metrics.failed(this.model, known.code)
    this.assignment?.meter.failed(known.code)
    this.span?.answered(known.status, known.code)
    const { contentType, body } = this.route.protocol.refuse(known, this.id)
    const headers = ['Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(body)), 'X-Request-Id', this.id, 'X-Content-Type-Options', 'nosniff']
    const retryAfter = retryAfterOf(known)
    if (retryAfter !== undefined) headers.push('Retry-After', String(retryAfter))
    this.#common(headers)
    this.#end(known.status, headers, body)
  }

  #begin(tracing: Tracing): RequestSpan {
    const { url = '', headers } = this.request
    const span = tracing.http({ method: 'POST', route: this.route.pattern, url, headers, requestId: this.id })
    // Where the caller goes before its body has come, nobody answers.
    this.#receiving?.response.once('close', () => span.answered(undefined, 'CANCELLED'))
    return span
  }

  #common(headers: string[]): void {
    if (this.#rate) headers.push('RateLimit-Policy', this.#rate.quota.policy, 'RateLimit', rateLimit(this.#rate.state))
    if (this.#options.lifecycle.leaving) headers.push('Connection', 'close')
  }

  /** A body that is refused is read to its end and thrown away: see `drain`. A connection that brings more than that is worth is closed behind the answer. */
  #end(status: number, headers: string[], body: string): void {
    const length = Number(this.request.headers['content-length'])
    // Node reads what is left of a body itself, where the connection is to be used again; so little needs no watching.
    if (this.#receiving === null || this.body !== null || (length <= UNWATCHED && !this.#options.lifecycle.leaving)) {
      this.response.writeHead(status, headers)
      this.response.end(body, 'utf8')
      return
    }
    const { request, response } = this.#receiving
    const reusable = length <= DRAINED
    if (!reusable && !this.#options.lifecycle.leaving) headers.push('Connection', 'close')
    response.writeHead(status, headers)
    response.write(body)
    let left = DRAINED
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) request.destroy()
    })
    void drain(request).then((whole) => (whole ? response.end() : request.destroy()))
  }
}

/** Part of the day's work, and counted: no line of the log for each. */
const EXPECTED: ReadonlySet<string> = new Set<MillraceError['code']>(['OVERLOADED', 'TIMEOUT'])

/** Of a status from 500 on. What somebody has brought about on purpose is no error of ours. */
export function logRefusal(log: Logger, error: unknown, { code, message }: MillraceError, asked: Traced & { readonly id: string }): void {
  if (EXPECTED.has(code)) return
  const request = { request_id: asked.id, trace_id: traceIdFor(asked) }
  if (code === 'MODEL_UNLOADED') log.info(request, message)
  else log.error({ err: error, ...request }, message)
}

/** Seconds; of what may be tried again as it is. */
export function retryAfterOf({ status, details }: MillraceError): number | undefined {
  if (status !== 429 && status !== 503 && status !== 507) return undefined
  const seconds = typeof details === 'object' && details !== null && 'retry_after' in details ? details.retry_after : undefined
  return typeof seconds === 'number' ? seconds : 1
}

function send(response: Answer, answer: HttpAnswer, headers: readonly string[]): void {
  if (typeof answer !== 'string') {
    response.writeHead(200, [...answer.headers, 'Content-Length', String(answer.body.length), ...headers])
    response.end(answer.body, 'latin1')
    return
  }
  const bytes = Buffer.byteLength(answer)
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(bytes), ...headers])
  // ASCII, as nearly all answers are, is cheaper to write as Latin-1 and gives the same bytes.
  response.end(answer, bytes === answer.length ? 'latin1' : 'utf8')
}

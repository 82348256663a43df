import { type Context, type HrTime, ROOT_CONTEXT, type Span as OtelSpan, SpanKind, SpanStatusCode, type TextMapSetter, type Tracer, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  ATTR_ERROR_TYPE,
  ATTR_EXCEPTION_MESSAGE,
  ATTR_EXCEPTION_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from '@opentelemetry/semantic-conventions'
import { ERROR_CATALOGUE, type ErrorCode } from '../errors/index.ts'
import type { TraceHeaders } from './context.ts'
import type { Attributes, RequestSpan, Span } from './port.ts'

/** How a transport says what became of a request. */
export interface Outcome {
  readonly attribute: string
  /** Whether that is a failure of ours: what a caller did wrong is none. */
  readonly failed: (status: number | string) => boolean
}

/** Who sent a request that was refused has failed, whoever was at fault. */
const SENT: Outcome = { attribute: ATTR_HTTP_RESPONSE_STATUS_CODE, failed: (status) => Number(status) >= 400 }

const propagator = new W3CTraceContextPropagator()
const carried: TextMapSetter<{ traceparent: string; tracestate?: string }> = {
  set: (carrier, key, value) => {
    if (key === 'traceparent' || key === 'tracestate') carrier[key] = value
  },
}
const read = {
  get: (carrier: (name: string) => string | undefined, key: string) => carrier(key),
  keys: () => propagator.fields(),
}

/** The context that a request came with; an empty one where it came with none. */
export function contextOf(header: (name: string) => string | undefined): Context {
  return propagator.extract(ROOT_CONTEXT, header, read)
}

/** A span of the SDK in our words. */
export class SdkSpan implements RequestSpan {
  readonly #tracer: Tracer
  readonly #span: OtelSpan
  readonly #outcome: Outcome | undefined
  #context: Context | undefined
  #ended = false
  readonly recording: boolean

  constructor(tracer: Tracer, span: OtelSpan, outcome?: Outcome) {
    this.#tracer = tracer
    this.#span = span
    this.#outcome = outcome
    this.recording = span.isRecording()
  }

  get traceId(): string {
    return this.#span.spanContext().traceId
  }

  get headers(): TraceHeaders {
    const headers = { traceparent: '' }
    propagator.inject(this.#own(), headers, carried)
    return headers
  }

  set(attributes: Attributes): void {
    if (this.recording) this.#span.setAttributes(attributes)
  }

  child(name: string): Span {
    if (!this.recording) return new SdkSpan(this.#tracer, this.#span)
    return new SdkSpan(this.#tracer, this.#tracer.startSpan(name, { startTime: momentOf(performance.now()) }, this.#own()))
  }

  call(method: string, url: string): RequestSpan {
    if (!this.recording) return new SdkSpan(this.#tracer, this.#span)
    const { hostname, port, protocol } = new URL(url)
    const attributes = { [ATTR_HTTP_REQUEST_METHOD]: method, [ATTR_SERVER_ADDRESS]: hostname, [ATTR_SERVER_PORT]: Number(port) || (protocol === 'https:' ? 443 : 80) }
    return new SdkSpan(this.#tracer, this.#tracer.startSpan(method, { kind: SpanKind.CLIENT, startTime: momentOf(performance.now()), attributes }, this.#own()), SENT)
  }

  record(name: string, from: number, to: number, attributes: Attributes, failure?: ErrorCode): void {
    if (!this.recording) return
    const span = this.#tracer.startSpan(name, { startTime: momentOf(from) }, this.#own()).setAttributes(attributes)
    if (failure !== undefined) say(span, failure, to)
    span.end(momentOf(to))
  }

  link({ traceparent, tracestate }: TraceHeaders): void {
    const other = trace.getSpanContext(contextOf((name) => (name === 'traceparent' ? traceparent : tracestate)))
    if (other) this.#span.addLink({ context: other })
  }

  fail(code: ErrorCode): void {
    if (!this.#ended) say(this.#span, code, performance.now())
  }

  answered(status: number | string | undefined, code?: ErrorCode): void {
    if (this.#ended) return
    if (this.recording && this.#outcome) {
      const { attribute, failed } = this.#outcome
      if (status !== undefined) this.#span.setAttribute(attribute, status)
      if (code !== undefined) this.#span.setAttribute('millrace.error.code', code)
      if (status === undefined || failed(status)) {
        if (code !== undefined) this.fail(code)
        else this.#span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute(ATTR_ERROR_TYPE, String(status))
      }
    }
    this.end()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#span.end(momentOf(performance.now()))
  }

  #own(): Context {
    return (this.#context ??= trace.setSpan(ROOT_CONTEXT, this.#span))
  }
}

function say(span: OtelSpan, code: ErrorCode, at: number): void {
  const { title } = ERROR_CATALOGUE[code]
  span.setStatus({ code: SpanStatusCode.ERROR, message: title })
  span.setAttribute(ATTR_ERROR_TYPE, code)
  span.addEvent('exception', { [ATTR_EXCEPTION_TYPE]: code, [ATTR_EXCEPTION_MESSAGE]: title }, momentOf(at))
}

/** By how much the clock of the machine may be set, or slewed, before moments follow it. */
const DRIFT_MS = 5
let origin = performance.timeOrigin

/** Of performance.now() in Unix time. All spans of a process by one measure: the SDK takes a new one for each, exact to a millisecond, and children come before their parents. */
export function momentOf(at: number): HrTime {
  const now = Date.now() - performance.now()
  if (Math.abs(now - origin) > DRIFT_MS) origin = now
  const ms = origin + at
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)]
}

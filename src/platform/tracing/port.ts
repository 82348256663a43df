import type { IncomingHttpHeaders } from 'node:http'
import type { ErrorCode } from '../errors/index.ts'
import type { Logger } from '../log/index.ts'
import type { TraceHeaders } from './context.ts'

/** Names are OpenTelemetry's, or begin with `millrace.`; values are neither secrets nor what a model was asked. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

/** A piece of work in a trace. Moments are performance.now()'s. Nothing here throws, whatever becomes of the collector. */
export interface Span {
  readonly traceId: string
  /** False: the trace was not sampled. Only its context goes on, and all else does nothing. */
  readonly recording: boolean
  /** For a call made on behalf of this work. */
  readonly headers: TraceHeaders
  set(attributes: Attributes): void
  /** Work that begins now, on behalf of this. */
  child(name: string): Span
  /** A request to another service, on behalf of this. */
  call(method: string, url: string): RequestSpan
  /** Work on behalf of this that is already done. */
  record(name: string, from: number, to: number, attributes: Attributes, failure?: ErrorCode): void
  /** The work was done together with that of another span. */
  link(headers: TraceHeaders): void
  /** Says that it failed, by the title that the catalogue has for the code: messages tell of inputs. */
  fail(code: ErrorCode): void
  /** Once; later calls do nothing. */
  end(): void
}

/** A request, asked of us or by us. */
export interface RequestSpan extends Span {
  /** Says how it was answered, by the transport's status (undefined: not at all) and, where it was refused, the code of the catalogue; and ends. */
  answered(status: number | string | undefined, code?: ErrorCode): void
}

export interface TracingOptions {
  /** `service.name`, unless OTEL_SERVICE_NAME says another. */
  readonly service: string
  readonly project: string
  readonly version: string
  readonly log: Logger
}

export interface HttpArrival {
  readonly method: string
  /** The pattern, as `/v2/models/:model/infer`; undefined where there is none such. */
  readonly route: string | undefined
  /** As it was sent; of it the path alone is told. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
}

export interface RpcArrival {
  /** `package.Service/Method` */
  readonly method: string
  readonly header: (name: string) => string | undefined
  readonly requestId: string
}

/** Where the work of requests is told of. Only there where somebody asked for it. */
export interface Tracing {
  http(arrival: HttpArrival): RequestSpan
  rpc(arrival: RpcArrival): RequestSpan
  /** Sends what waits to be sent, with little patience, and ends. */
  stop(): Promise<void>
}

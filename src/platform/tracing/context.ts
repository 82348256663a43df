/** W3C Trace Context (https://www.w3.org/TR/trace-context/) as it goes over the wire. */
export interface TraceHeaders {
  readonly traceparent: string
  readonly tracestate?: string
}

/** What any version of the format begins with. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-((?!0{32})[\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/

/** What a request came with, to be handed on as it is where nothing is traced here; undefined where it came with none, or with none that is right. */
export function incomingTrace(header: (name: string) => string | undefined): TraceHeaders | undefined {
  const traceparent = header('traceparent')
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return undefined
  const tracestate = header('tracestate')
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
}

/** Of a `traceparent`; undefined where it is none that is right. */
export function traceIdOf(traceparent: string | string[] | undefined): string | undefined {
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined
}

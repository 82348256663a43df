import { errorMessage } from '../errors/index.ts'
import type { Tracing, TracingOptions } from './port.ts'

export { type TraceHeaders, incomingTrace, traceIdOf } from './context.ts'
export type { Attributes, RequestSpan, Span, Tracing } from './port.ts'

/**
 * Traces by OpenTelemetry, where its own variables ask for them (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/): an endpoint, and no
 * OTEL_SDK_DISABLED. Else null, and nothing is loaded. What is wrong with the variables is said in the log, and never keeps a service from starting.
 */
export async function openTracing(options: TracingOptions): Promise<Tracing | null> {
  const asked = whatIsAsked(process.env)
  if (asked === 'nothing') return null
  if (asked !== 'traces') {
    options.log.warn(`no traces are written: ${asked}`)
    return null
  }
  try {
    const { openSdk } = await import('./sdk.ts')
    return openSdk(options)
  } catch (error) {
    options.log.error({ err: error }, `no traces are written: ${errorMessage(error)}`)
    return null
  }
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const

/** `traces`, `nothing`, or what is wrong, in words. An empty variable is one that is not set. */
export function whatIsAsked(environment: Readonly<Record<string, string | undefined>>): string {
  const set = (name: string): string | undefined => environment[name]?.trim() || undefined
  const endpoint = ENDPOINTS.find(set)
  if (endpoint === undefined || set('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return 'nothing'
  const exporter = set('OTEL_TRACES_EXPORTER') ?? 'otlp'
  if (exporter === 'none') return 'nothing'
  if (exporter !== 'otlp') return `OTEL_TRACES_EXPORTER is ${JSON.stringify(exporter)}, expected otlp or none`
  const protocol = PROTOCOLS.map(set).find((one) => one !== undefined) ?? 'http/protobuf'
  if (protocol !== 'http/protobuf') return `OTLP is spoken over http/protobuf alone, not over ${JSON.stringify(protocol)}`
  const url = URL.parse(set(endpoint) ?? '')
  // Not the value itself: an address may hold a password.
  if (url === null || !/^https?:$/.test(url.protocol)) return `${endpoint} is no http:// or https:// address`
  return 'traces'
}

import { randomUUID } from 'node:crypto'
import { type Context, DiagLogLevel, SpanKind, diag } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_NAMESPACE,
  ATTR_SERVICE_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions'
import { errorMessage } from '../errors/index.ts'
import type { Logger } from '../log/index.ts'
import { WatchedExporter } from './export.ts'
import type { Tracing, TracingOptions } from './port.ts'
import { type Outcome, SdkSpan, contextOf, momentOf } from './span.ts'
import { sparingly } from './sparingly.ts'

/** Longer attributes are cut, unless OpenTelemetry's own variable says another length: callers write what stands in paths. */
const LONGEST_ATTRIBUTE = 1024
const TELL_EVERY_MS = 60_000
/** A collector that takes nothing must not hold up a stop. */
const STOP_PATIENCE_MS = 1000

/** gRPC's statuses that tell of a failure of the server (opentelemetry.io: semantic conventions for gRPC). */
const SERVER_FAILURES: ReadonlySet<number | string> = new Set(['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'])
const OVER_HTTP: Outcome = { attribute: ATTR_HTTP_RESPONSE_STATUS_CODE, failed: (status) => Number(status) >= 500 }
const OVER_RPC: Outcome = { attribute: ATTR_RPC_STATUS_CODE, failed: (status) => SERVER_FAILURES.has(status) }

/** Spans by OpenTelemetry's SDK, sent in batches; sampler, limits, queue and exporter are as its variables say. `processor` takes the place of sending, in tests. */
export function openSdk(options: TracingOptions, processor?: SpanProcessor): Tracing {
  const { service, project, version, log } = options
  diag.setLogger(diagnostics(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: service, [ATTR_SERVICE_NAMESPACE]: project, [ATTR_SERVICE_VERSION]: version, [ATTR_SERVICE_INSTANCE_ID]: randomUUID() }))
      .merge(detectResources({ detectors: [envDetector] })),
    ...(process.env['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT'] ? {} : { spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE } }),
    spanProcessors: [processor ?? new BatchSpanProcessor(new WatchedExporter(new OTLPTraceExporter(), log))],
  })
  const tracer = provider.getTracer('millrace', version)
  const serve = (name: string, context: Context, outcome: Outcome): SdkSpan =>
    new SdkSpan(tracer, tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: momentOf(performance.now()) }, context), outcome)
  return {
    http: ({ method, route, url, headers, requestId }) => {
      const context = contextOf((name) => {
        const value = headers[name]
        return typeof value === 'string' ? value : undefined
      })
      const span = serve(route === undefined ? method : `${method} ${route}`, context, OVER_HTTP)
      // Made only for what is kept: no sampler of the environment asks for attributes.
      if (span.recording) {
        span.set({
          [ATTR_HTTP_REQUEST_METHOD]: method,
          [ATTR_HTTP_ROUTE]: route,
          [ATTR_URL_PATH]: pathOf(url),
          [ATTR_URL_SCHEME]: 'http',
          ...addressOf(headers.host),
          'millrace.request.id': requestId,
        })
      }
      return span
    },
    rpc: ({ method, header, requestId }) => {
      const span = serve(method, contextOf(header), OVER_RPC)
      if (span.recording) span.set({ [ATTR_RPC_SYSTEM_NAME]: 'grpc', [ATTR_RPC_METHOD]: method, 'millrace.request.id': requestId })
      return span
    },
    stop: async () => {
      let timer: NodeJS.Timeout | undefined
      const impatient = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_PATIENCE_MS)))
      const sent = provider.shutdown().catch((error: unknown) => log.warn({ reason: errorMessage(error) }, 'the last traces were not sent'))
      await Promise.race([sent, impatient])
      clearTimeout(timer)
    },
  }
}

/** What the SDK has to say, such as that its queue was full. Its messages alone: what follows them may be anything. */
function diagnostics(log: Logger) {
  const now = sparingly(TELL_EVERY_MS)
  const tell = (message: string): void => now((before) => log.warn(before > 0 ? { before } : {}, `traces: ${message}`))
  const nothing = (): void => undefined
  return { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** Of a Host header. */
function addressOf(host: string | undefined): Record<string, string | number> {
  const [, address, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host ?? '') ?? []
  if (address === undefined || address === '') return {}
  return port === undefined ? { [ATTR_SERVER_ADDRESS]: address } : { [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: Number(port) }
}

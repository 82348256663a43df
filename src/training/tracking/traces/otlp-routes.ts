import type { FastifyRequest } from 'fastify'
import type { HttpServer } from '../../../platform/http/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { useMlflowErrors } from '../../mlflow/routes.ts'
import { logSpans } from './ingest.ts'
import { decodeOtlp } from './otlp.ts'

const EXPERIMENT_HEADER = 'x-mlflow-experiment-id'
const RUN_HEADER = 'x-mlflow-run-id'

/** OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): MLflow's own clients send their spans here, and any OpenTelemetry SDK may. */
export async function registerOtlp(http: HttpServer, context: TrainingContext): Promise<void> {
  await http.register((scope, _options, done) => {
    useMlflowErrors(scope)
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
    // Where this service sends its own spans here too, one for each sending would never end.
    scope.post('/v1/traces', { config: { traced: false }, schema: { tags: ['mlflow'] } }, async (request, reply) => {
      const experimentId = header(request, EXPERIMENT_HEADER)
      if (experimentId === '') throw invalid(`Missing header ${EXPERIMENT_HEADER}`)
      const body: unknown = request.body
      if (!Buffer.isBuffer(body)) throw invalid('Invalid OpenTelemetry format - no spans found')
      const type = header(request, 'content-type')
      const spans = decodeOtlp(body, type, header(request, 'content-encoding').toLowerCase())
      if (spans.length === 0) throw invalid('Invalid OpenTelemetry format - no spans found')
      await logSpans(context, experimentId, spans, header(request, RUN_HEADER) || undefined)
      // An ExportTraceServiceResponse without a partial success is empty.
      return type.startsWith('application/json') ? reply.send({}) : reply.type('application/x-protobuf').send(Buffer.alloc(0))
    })
    done()
  })
}

function header(request: FastifyRequest, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

import Type from 'typebox'
import { MillraceError } from '../../platform/errors/index.ts'
import { type HttpServer, traceOf } from '../../platform/http/index.ts'
import type { OverviewService } from './service.ts'

const overviewQuery = Type.Object({ model: Type.Optional(Type.String({ description: 'Absent: the first model of millrace.yaml' })) })

export function registerOverview(http: HttpServer, overview: OverviewService): void {
  http.get('/api/overview', { schema: { querystring: overviewQuery, tags: ['overview'] } }, (request, reply) => {
    const models = overview.models()
    const model = request.query.model ?? models[0] ?? null
    if (model !== null && !models.includes(model)) {
      throw new MillraceError('NOT_FOUND', `model: found ${JSON.stringify(model)}, expected one that millrace.yaml names: ${models.join(', ') || 'none'}`)
    }
    reply.header('cache-control', 'no-store')
    return overview.overview(model, traceOf(request))
  })
}

import type { HttpServer } from '../platform/http/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import type { MonitorService } from './service.ts'
import { candidateBody, candidateParams, candidatesQuery, comparisonQuery, labelsBody, modelQuery, pendingQuery, performanceQuery, reportParams } from './schema.ts'

export function registerRoutes(http: HttpServer, monitor: MonitorService): void {
  http.post('/labels', { schema: { body: labelsBody, tags: ['labels'] } }, (request) => monitor.label(request.body.labels))
  http.get('/labels/pending', { schema: { querystring: pendingQuery, tags: ['labels'] } }, (request) => monitor.pendingLabels(request.query.limit))
  http.get('/reports', { schema: { querystring: modelQuery, tags: ['reports'] } }, async (request) => ({ reports: await monitor.reports(request.query.model) }))
  http.get('/reports/:id', { schema: { params: reportParams, tags: ['reports'] } }, async (request) => {
    const report = await monitor.report(request.params.id)
    if (!report) throw new MillraceError('NOT_FOUND', `there is no report ${request.params.id}`)
    return report
  })
  http.get('/drift', { schema: { querystring: modelQuery, tags: ['reports'] } }, (request) => monitor.drift(request.query.model))
  http.get('/performance', { schema: { querystring: performanceQuery, tags: ['reports'] } }, (request) => {
    const { model, by, aliases } = request.query
    return monitor.performance(model, by, aliases === undefined ? [] : aliases.split(',').filter((alias) => alias !== ''))
  })
  http.get('/comparison', { schema: { querystring: comparisonQuery, tags: ['rollouts'], summary: 'The candidate of a rollout beside the version before it; holds at every look' } }, (request) =>
    monitor.comparison(request.query),
  )
  http.get('/candidates', { schema: { querystring: candidatesQuery, tags: ['candidates'] } }, async (request) => ({
    candidates: await monitor.candidates(request.query.model),
  }))
  http.get('/candidates/:id', { schema: { params: candidateParams, tags: ['candidates'] } }, async (request) => {
    const candidate = await monitor.candidate(request.params.id)
    if (!candidate) throw new MillraceError('NOT_FOUND', `there is no candidate ${request.params.id}`)
    return candidate
  })
  http.post('/candidates', { schema: { body: candidateBody, tags: ['candidates'] } }, async (request, reply) => {
    const { candidate, created } = await monitor.submit(request.body.model, request.body.version)
    return reply.status(created ? 201 : 200).send(candidate)
  })
  // For the operator of this machine: the gateway does not pass on what begins with /-/.
  http.post('/-/journal/adopt', { schema: { tags: ['control'], summary: "Takes over, from its beginning, serving's journal that has replaced the one known" } }, () => monitor.adoptJournal())
}

import type { HttpServer } from '../../../platform/http/index.ts'
import type { ProjectOutbox } from '../project-outbox.ts'
import { executionBody, executionParams, listQuery, logQuery, outboxQuery } from './schema.ts'
import type { Executions } from './service.ts'

export function registerExecutionRoutes(http: HttpServer, executions: Executions, projectOutbox: ProjectOutbox): void {
  const tags = ['executions']
  http.post('/executions', { schema: { body: executionBody, tags } }, async (request, reply) => {
    const { execution, isNew } = await executions.submit(request.body)
    return reply.status(isNew ? 201 : 200).send(execution)
  })
  http.get('/executions', { schema: { querystring: listQuery, tags } }, async (request) => ({
    executions: await executions.list(request.query.limit, request.query.model),
  }))
  http.get('/executions/:id', { schema: { params: executionParams, tags } }, (request) => executions.get(request.params.id))
  http.get('/executions/:id/log', { schema: { params: executionParams, querystring: logQuery, tags } }, async (request, reply) =>
    reply.type('text/plain; charset=utf-8').send(await executions.log(request.params.id, request.query.after)),
  )
  // The same shape as every service's own outbox: the event log pulls it as one more source.
  http.get('/-/outbox/project', { schema: { querystring: outboxQuery, tags: ['control'] } }, async (request) => {
    const { after, limit, wait } = request.query
    return { events: await projectOutbox.readOrWait(after, limit, wait * 1000) }
  })
}

import type { HttpServer, RequestTaker } from '../platform/http/index.ts'
import { hexId } from '../platform/ids/index.ts'
import { VERSION } from '../platform/version.ts'
import type { Journal } from './journal/journal.ts'
import type { Keeper } from './journal/keeper.ts'
import type { Lifecycle } from './limits/lifecycle.ts'
import { leaveBodies, useProtocolErrors, useProtocolManners } from './protocols/scope.ts'
import { refuseStray, refuseStrays } from './protocols/strays.ts'
import { describeServer, isReady, modelMetadata, modelReady } from './protocols/v2/server.ts'
import type { ModelRepository } from './routing/model-repository.ts'
import type { Router } from './routing/router.ts'
import { registerRepositoryRoutes } from './routing/routes.ts'
import type { Rollouts } from './rollout/index.ts'
import * as schema from './schema.ts'

export interface RoutesOptions {
  readonly router: Router
  readonly rollouts: Rollouts
  /** Where models come from a folder. */
  readonly repository: ModelRepository | null
  readonly journal: Journal
  readonly keeper: Keeper
  readonly hotPath: RequestTaker
  readonly lifecycle: Lifecycle
  /** Bytes of JSON at the routes of the inference protocols. */
  readonly jsonLimit: number
}

/** The routes off the hot path, and the hot path's own in the OpenAPI document. */
export async function registerRoutes(http: HttpServer, { router, rollouts, repository, journal, keeper, hotPath, lifecycle, jsonLimit }: RoutesOptions): Promise<void> {
  await registerPredictions(http, hotPath)
  await http.register(async (scope) => {
    useProtocolManners(scope, jsonLimit)
    registerInferenceProtocol(scope, router, lifecycle)
    registerV1(scope, router)
    registerRepositoryRoutes(scope, router, repository)
  })
  await refuseStrays(http)

  http.get('/deployments', { schema: { tags: ['deployments'], summary: 'What is served, and how far rollouts are' } }, () => rollouts.describe(router.states()))

  // The monitor always waits here: a stop must not wait for it.
  const closing = new AbortController()
  // Offsets are for ever only while nobody restores an older journal, which cannot happen under a process that runs.
  const epoch = hexId()
  http.addHook('preClose', async () => closing.abort())
  http.get('/journal', { config: { traced: false }, schema: { querystring: schema.journalQuery, tags: ['journal'], summary: 'Predictions as NDJSON, from an offset on' } }, async (request, reply) => {
    const { after, limit, wait, acknowledge } = request.query
    if (acknowledge !== undefined) keeper.acknowledge(acknowledge)
    if (wait > 0) await journal.waitBeyond(after, wait * 1000, closing.signal)
    // Also on the answer that refuses an offset: they say what could be asked for instead.
    reply.header('x-millrace-journal-epoch', epoch).header('x-millrace-journal-tail', journal.tail).header('x-millrace-journal-head', journal.head)
    const page = await journal.read(after, limit)
    return reply
      .type('application/x-ndjson')
      .header('x-millrace-journal-offset', page.next)
      .header('x-millrace-journal-head', page.head)
      .send(page.bytes)
  })

  // MLflow's scoring server answers a line break to both.
  for (const path of ['/ping', '/health']) http.get(path, { config: { traced: false }, schema: { tags: ['health'] } }, (_request, reply) => reply.type('application/json').send('\n'))
  http.get('/version', { schema: { tags: ['health'] } }, (_request, reply) => reply.type('text/plain').send(VERSION))
}

/** The protocol asks for 4xx of a model that is not ready (specification/protocol/inference_rest.md, Model Ready); Triton's is this. */
const NOT_READY = 400

function registerInferenceProtocol(http: HttpServer, router: Router, lifecycle: Lifecycle): void {
  const tags = ['inference']
  http.get('/v2', { schema: { tags } }, describeServer)
  // As the protocol's own OpenAPI has it.
  http.get('/v2/', { schema: { hide: true } }, describeServer)
  http.get('/v2/health/live', { config: { traced: false }, schema: { tags } }, () => ({ live: true }))
  http.get('/v2/health/ready', { config: { traced: false }, schema: { tags } }, (_request, reply) => {
    const ready = isReady(router) && !lifecycle.leaving
    return reply.status(ready ? 200 : 503).send({ live: true, ready })
  })

  http.get('/v2/models/:model', { schema: { params: schema.modelParams, tags } }, ({ params }) => modelMetadata(router, params.model))
  http.get('/v2/models/:model/versions/:version', { schema: { params: schema.versionParams, tags } }, ({ params }) => modelMetadata(router, params.model, params.version))
  http.get('/v2/models/:model/ready', { schema: { params: schema.modelParams, tags } }, ({ params }, reply) => {
    const answer = modelReady(router, params.model)
    return reply.status(answer.ready ? 200 : NOT_READY).send(answer)
  })
  http.get('/v2/models/:model/versions/:version/ready', { schema: { params: schema.versionParams, tags } }, ({ params }, reply) => {
    const answer = modelReady(router, params.model, params.version)
    return reply.status(answer.ready ? 200 : NOT_READY).send(answer)
  })
}

/** KServe's V1 (protocol/rest/v1_endpoints.py), beside its predictions. */
function registerV1(http: HttpServer, router: Router): void {
  const tags = ['inference']
  http.get('/v1/models', { schema: { tags } }, () => ({ models: router.deployments.map((deployment) => deployment.name) }))
  http.get('/v1/models/:model', { schema: { params: schema.modelParams, tags } }, (request, reply) => {
    const { params } = request
    if (params.model.endsWith(':predict')) refuseStray(request, reply)
    const { ready } = modelReady(router, params.model)
    return reply.status(ready ? 200 : 503).send({ name: params.model, ready })
  })
}

/**
 * The prediction routes as Fastify knows them. The bare server answers them first; what reaches Fastify all the same (an address written in another way)
 * goes to the same function, with its body unread.
 */
async function registerPredictions(http: HttpServer, hotPath: RequestTaker): Promise<void> {
  await http.register(async (scope) => {
    leaveBodies(scope)
    useProtocolErrors(scope)
    scope.setValidatorCompiler(() => () => true)
    const predictions = [
      { url: '/invocations', schema: { summary: "MLflow's scoring protocol", body: schema.invocationsBody, response: { 200: schema.invocationsAnswer } } },
      { url: '/v2/models/:model/infer', schema: { summary: 'Open Inference Protocol', params: schema.modelParams, body: schema.inferBody, response: { 200: schema.inferAnswer } } },
      { url: '/v1/models/:model/versions/:version::predict', schema: { summary: "KServe's V1 protocol, one version", params: schema.versionParams, body: schema.predictBody, response: { 200: schema.invocationsAnswer } } },
      { url: '/v1/models/:model::predict', schema: { summary: "KServe's V1 protocol", params: schema.modelParams, body: schema.predictBody, response: { 200: schema.invocationsAnswer } } },
      {
        url: '/v2/models/:model/versions/:version/infer',
        schema: { summary: 'Open Inference Protocol, one version', params: schema.versionParams, body: schema.inferBody, response: { 200: schema.inferAnswer } },
      },
    ]
    for (const { url, schema: described } of predictions) {
      scope.route({
        method: 'POST',
        url,
        // The function that it goes to tells of it.
        config: { traced: false },
        schema: { ...described, headers: schema.predictionHeaders, tags: ['predictions'] },
        handler: (request, reply) => {
          if (!hotPath(request.raw, reply.raw)) refuseStray(request, reply)
          return reply.hijack()
        },
      })
    }
  })
}

import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import type { Deployment } from './deployment.ts'
import type { ModelRepository } from './model-repository.ts'
import type { Router } from './router.ts'
import * as schema from './schema.ts'

const STATES = { ready: 'READY', loading: 'LOADING', failed: 'UNAVAILABLE', absent: 'UNAVAILABLE' } as const

/** The model repository extension of the Open Inference Protocol (triton-inference-server/server: docs/protocol/extension_model_repository.md), without uploads. */
export function registerRepositoryRoutes(http: HttpServer, router: Router, repository: ModelRepository | null): void {
  const tags = ['repository']
  http.post('/v2/repository/index', { schema: { body: schema.indexBody, tags, summary: 'Models, their versions and states' } }, ({ body }) => {
    const index = router.deployments.flatMap(describe)
    return body?.ready === true ? index.filter(({ state }) => state === 'READY') : index
  })
  http.post('/v2/repository/models/:model/load', { schema: { params: schema.modelParams, body: schema.loadBody, tags, summary: 'Load the newest version, or that behind the alias' } }, async ({ params, body }) => {
    const deployment = find(router, params.model)
    const [given] = Object.keys(body?.parameters ?? {})
    if (given !== undefined) throw new MillraceError('BAD_REQUEST', `parameters.${given}: models are loaded as they lie in the repository or the registry; nothing can be uploaded or overridden`)
    repository?.setLoaded(params.model, true)
    await router.recheck(params.model)
    if (deployment.champion && deployment.state().state === 'ready') return {}
    throw new MillraceError('MODEL_INVALID', `${params.model} could not be loaded: ${deployment.state().reason ?? 'it has no version'}`)
  })
  http.post('/v2/repository/models/:model/unload', { schema: { params: schema.modelParams, body: schema.loadBody, tags, summary: 'Unload a model of a folder' } }, async ({ params }) => {
    find(router, params.model)
    if (!repository) throw new MillraceError('BAD_REQUEST', `${params.model} is served because its alias is set: delete the alias in the registry, or take it out of \`deployments\``)
    repository.setLoaded(params.model, false)
    await router.recheck(params.model)
    return {}
  })
}

function describe(deployment: Deployment) {
  const { state, reason, version } = deployment.state()
  return [{ name: deployment.name, version: version ?? deployment.slot(deployment.alias)?.failedVersion ?? '', state: version === null ? STATES[state] : 'READY', reason: reason ?? '' }]
}

function find(router: Router, model: string): Deployment {
  const deployment = router.find(model)
  if (deployment) return deployment
  throw new MillraceError('NOT_FOUND', `no model ${model} is deployed here`)
}

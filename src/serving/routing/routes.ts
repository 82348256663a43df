import type { HttpServer } from '../../platform/http/index.ts'
import type { ModelRepository } from './model-repository.ts'
import { loadModel, repositoryIndex, unloadModel } from './repository-control.ts'
import type { Router } from './router.ts'
import * as schema from './schema.ts'

/** The model repository extension of the Open Inference Protocol (triton-inference-server/server: docs/protocol/extension_model_repository.md), without uploads. */
export function registerRepositoryRoutes(http: HttpServer, router: Router, repository: ModelRepository | null): void {
  const tags = ['repository']
  http.post('/v2/repository/index', { schema: { body: schema.indexBody, tags, summary: 'Models, their versions and states' } }, ({ body }) => repositoryIndex(router, body?.ready === true))
  http.post(
    '/v2/repository/models/:model/load',
    { schema: { params: schema.modelParams, body: schema.loadBody, tags, summary: 'Load the newest version, or that behind the alias' } },
    async ({ params, body }) => {
      await loadModel(router, repository, params.model, Object.keys(body?.parameters ?? {}))
      return {}
    },
  )
  http.post('/v2/repository/models/:model/unload', { schema: { params: schema.modelParams, body: schema.loadBody, tags, summary: 'Unload a model of a folder' } }, async ({ params }) => {
    await unloadModel(router, repository, params.model)
    return {}
  })
}

import { MillraceError } from '../../../platform/errors/index.ts'
import { VERSION } from '../../../platform/version.ts'
import type { Located } from '../../routing/locate.ts'
import type { Router } from '../../routing/router.ts'
import type { Target } from '../../runtime/plane.ts'
import { type ModelMetadata, describeModel } from './metadata.ts'

/** What the protocol tells of server and models, over REST and gRPC alike. */
export function describeServer() {
  return { name: 'millrace', version: VERSION, extensions: ['binary_tensor_data', 'model_repository'] }
}

/** Whether every model that is to be served is: not those that somebody has unloaded. */
export function isReady(router: Router): boolean {
  return router.deployments.every((deployment) => deployment.asWanted)
}

/** What the model takes and gives; a version that is not in memory is loaded for it. NOT_FOUND where there is none, MODEL_NOT_READY while it does not answer yet. */
export async function modelMetadata(router: Router, model: string, version?: string): Promise<ModelMetadata> {
  const { deployment, reference } = located(router, model, version)
  const target = await targetOf({ deployment, reference })
  const versions = [...new Set([target, ...deployment.shadows].map((one) => one.model.version))]
  return describeModel(model, reference === undefined ? versions : [target.model.version], target.model)
}

/** Loads nothing: a version that would have to be loaded first is not ready. NOT_FOUND for a model that is not deployed. */
export function modelReady(router: Router, model: string, version?: string): { readonly name: string; readonly ready: boolean } {
  const { deployment, reference } = located(router, model, version)
  return { name: model, ready: reference === undefined ? deployment.champion !== null : deployment.isReady(reference) }
}

export function targetOf({ deployment, reference }: Pick<Located, 'deployment' | 'reference'>): Target | Promise<Target> {
  return reference === undefined ? deployment.target() : deployment.at(reference)
}

/** NOT_FOUND where no model of that name can be asked for. */
export function located(router: Router, model: string, version?: string): Located {
  const found = router.locate(model, version)
  if (found) return found
  throw new MillraceError('NOT_FOUND', `no model ${model} is deployed here`)
}

import { MillraceError } from '../../../platform/errors/index.ts'
import { VERSION } from '../../../platform/version.ts'
import type { Deployment } from '../../routing/deployment.ts'
import type { Router } from '../../routing/router.ts'
import { type ModelMetadata, describeModel } from './metadata.ts'

/** What the protocol tells of server and models, over REST and gRPC alike. */
export function describeServer() {
  return { name: 'millrace', version: VERSION, extensions: ['binary_tensor_data', 'model_repository'] }
}

/** Whether every model that is to be served is. */
export function isReady(router: Router): boolean {
  return router.deployments.every((deployment) => deployment.champion !== null)
}

/** NOT_FOUND for a model or a version that is not deployed, MODEL_NOT_READY for one that is and does not answer yet. */
export function modelMetadata(router: Router, model: string, version?: string): ModelMetadata {
  const deployment = deployed(router, model)
  const target = deployment.target(version)
  const versions = [...new Set([target, ...deployment.shadows].map((one) => one.model.version))]
  return describeModel(model, version === undefined ? versions : [version], target.model)
}

/** NOT_FOUND for a model or a version that is not deployed. */
export function modelReady(router: Router, model: string, version?: string): { readonly name: string; readonly ready: boolean } {
  const deployment = deployed(router, model)
  if (version !== undefined) deployment.target(version)
  return { name: model, ready: version !== undefined || deployment.champion !== null }
}

export function deployed(router: Router, model: string): Deployment {
  const deployment = router.find(model)
  if (deployment) return deployment
  throw new MillraceError('NOT_FOUND', `no model ${model} is deployed here`)
}

import { MillraceError } from '../../platform/errors/index.ts'
import type { Deployment } from './deployment.ts'
import { LATEST, type ModelRepository } from './model-repository.ts'
import type { OnDemand } from './on-demand.ts'
import type { Router } from './router.ts'

const STATES = { ready: 'READY', loading: 'LOADING', failed: 'UNAVAILABLE', absent: 'UNAVAILABLE' } as const

export interface IndexedModel {
  readonly name: string
  readonly version: string
  readonly state: (typeof STATES)[keyof typeof STATES]
  readonly reason: string
}

/** Models, their versions and states, those too that are in memory though no deployment's alias points at them; of those alone that are ready, if so asked. */
export function repositoryIndex(router: Router, onlyReady: boolean): readonly IndexedModel[] {
  const deployed = router.deployments.map(describe)
  const { loaded } = router.versions
  const known = new Set(deployed.map(({ name, version }) => `${name}\n${version}`))
  const others = [...loaded.models.map(({ name, version }) => ({ name, version, state: STATES.ready, reason: '' })), ...loaded.loading.map(({ model, version }) => ({ name: model, version, state: STATES.loading, reason: '' }))]
  const index = [...deployed]
  for (const one of others) {
    const key = `${one.name}\n${one.version}`
    if (!known.has(key)) index.push(one)
    known.add(key)
  }
  return onlyReady ? index.filter(({ state }) => state === 'READY') : index
}

/** Loads what is there now, and resolves when it answers. BAD_REQUEST where `parameters` are given; MODEL_INVALID says why it cannot be served. */
export async function loadModel(router: Router, repository: ModelRepository | null, model: string, parameters: readonly string[]): Promise<void> {
  const [given] = parameters
  const deployment = router.find(model)
  const undeclared = deployment ? undefined : undeclaredOf(router, repository, model)
  if (given !== undefined) throw new MillraceError('BAD_REQUEST', `parameters.${given}: models are loaded as they lie in the repository or the registry; nothing can be uploaded or overridden`)
  repository?.setLoaded(model, true)
  if (undeclared) return undeclared.renew(model, `@${LATEST}`)
  await router.recheck(model)
  if (deployment?.champion && deployment.state().state === 'ready') return
  throw new MillraceError('MODEL_INVALID', `${model} could not be loaded: ${deployment?.state().reason ?? 'it has no version'}`)
}

/** BAD_REQUEST for a model of the registry: what is served there, its aliases say. */
export async function unloadModel(router: Router, repository: ModelRepository | null, model: string): Promise<void> {
  const undeclared = router.find(model) ? undefined : undeclaredOf(router, repository, model)
  if (!repository) throw new MillraceError('BAD_REQUEST', `${model} is served because its alias is set: delete the alias in the registry, or take it out of \`deployments\``)
  repository.setLoaded(model, false)
  if (undeclared) return undeclared.unload(model)
  await router.recheck(model)
}

function describe(deployment: Deployment): IndexedModel {
  const { state, reason, version } = deployment.state()
  return { name: deployment.name, version: version ?? deployment.slot(deployment.alias)?.failedVersion ?? '', state: version === null ? STATES[state] : 'READY', reason: reason ?? '' }
}

/** How a model of the folder is served that came after the start. */
function undeclaredOf({ versions }: Router, repository: ModelRepository | null, model: string): OnDemand {
  if (versions.onDemand && versions.locator.takesUndeclared && repository?.has(model)) return versions.onDemand
  throw new MillraceError('NOT_FOUND', `no model ${model} is deployed here`)
}

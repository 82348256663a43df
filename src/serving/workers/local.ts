import type { IncomingHttpHeaders } from 'node:http'
import { routeOf } from '../protocols/hot-path.ts'
import type { Deployment } from '../routing/deployment.ts'
import { splitVersion } from '../routing/reference.ts'

interface Asked {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

/**
 * Whether a request is one that a worker answers itself: a prediction by a version that it has, or by one of two that it has both. All else is the service's: other
 * routes, models that are loaded only when asked for, and what is refused because the model is not there, with the reason.
 */
export function isLocal(deployments: readonly Deployment[]): (request: Asked) => boolean {
  const byName = new Map(deployments.map((deployment) => [deployment.name, deployment]))
  const only = deployments.length === 1 ? deployments[0] : undefined
  return ({ method, url, headers }) => {
    const route = method === 'POST' ? routeOf(url ?? '') : undefined
    if (!route) return false
    const header = headers['x-millrace-model']
    const asked = route.model !== undefined ? { model: route.model, reference: route.version } : typeof header === 'string' ? splitVersion(header) : undefined
    const deployment = asked === undefined ? only : byName.get(asked.model)
    if (!deployment?.champion) return false
    if (asked?.reference !== undefined) return deployment.isReady(asked.reference)
    return deployment.split === null || deployment.split.ready
  }
}

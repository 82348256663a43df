import { type Transport, type TransportOptions, createTransport } from '../../sdk/http.ts'
import { PROJECT_HEADER } from '../api/control.ts'
import { type ServiceName, formatIdentity, projectIdentity, serviceUrl } from '../platform/config/index.ts'
import type { Project } from './project.ts'

export interface Reached {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Where a service of this project, or the one at an `address` given by hand, is reached. Two projects have the same ports by default, so what goes to the port of
 * one of ours says which project it is meant for, and a service of another one refuses it (PROJECT_MISMATCH). A service that is named by a url may be anybody's.
 */
export function reach({ config, folder }: Project, service: ServiceName, address?: string): Reached {
  const ours = serviceUrl(config, service)
  const named = config.services[service].url !== undefined || (service === 'tracking' && config.tracking?.external !== undefined) || (address !== undefined && address !== ours)
  return { url: address ?? ours, headers: named ? {} : { [PROJECT_HEADER]: formatIdentity(projectIdentity(config, folder)) } }
}

/** A transport to what `reach` finds. */
export function connect(project: Project, service: ServiceName, { address, headers, ...options }: TransportOptions & { readonly address?: string | undefined } = {}): Transport {
  const reached = reach(project, service, address)
  return createTransport(reached.url, { ...options, headers: { ...reached.headers, ...headers } })
}

import { type Transport, type TransportOptions, createTransport } from '../../sdk/http.ts'
import { PROJECT_HEADER } from '../api/control.ts'
import { type ServiceName, formatIdentity, projectIdentity, serviceUrl } from '../platform/config/index.ts'
import type { Project } from './project.ts'

/**
 * A transport to a service of this project, or to an `address` given by hand. Two projects have the same ports by default, so a request to the port of one of
 * ours says which project it is meant for, and a service of another one refuses it (PROJECT_MISMATCH). A service that is named by a url may be anybody's.
 */
export function connect({ config, folder }: Project, service: ServiceName, options: TransportOptions & { readonly address?: string | undefined } = {}): Transport {
  const { address, headers, ...rest } = options
  const ours = serviceUrl(config, service)
  const named = config.services[service].url !== undefined || (address !== undefined && address !== ours)
  const project = named ? {} : { [PROJECT_HEADER]: formatIdentity(projectIdentity(config, folder)) }
  return createTransport(address ?? ours, { ...rest, headers: { ...project, ...headers } })
}

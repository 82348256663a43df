import { type Millrace, connect } from '../../../sdk/index.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import { SERVICE_NAMES, serviceUrl } from '../../platform/config/index.ts'

/** Long enough for a service that was killed to come back: everything the demo sends may be sent again. */
const RETRY_FOR_MS = 60_000

export type Peers = Millrace

/** Clients of all services, through the public API and nothing else. */
export function connectDemo(config: ProjectConfig): Peers {
  const addresses = Object.fromEntries(SERVICE_NAMES.map((name) => [name, serviceUrl(config, name)]))
  return connect(addresses, { retryForMs: RETRY_FOR_MS, timeoutMs: 60_000, headers: { 'x-millrace-actor': 'demo' } })
}

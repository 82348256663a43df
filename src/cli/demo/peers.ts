import { controlClient } from '../../../sdk/control.ts'
import { eventsClient } from '../../../sdk/events.ts'
import { featuresClient } from '../../../sdk/features.ts'
import { createTransport } from '../../../sdk/http.ts'
import { monitorClient } from '../../../sdk/monitor.ts'
import { pipelinesClient } from '../../../sdk/pipelines.ts'
import { servingClient } from '../../../sdk/serving.ts'
import { trackingClient } from '../../../sdk/tracking.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import { SERVICE_NAMES, serviceUrl } from '../../platform/config/index.ts'

/** Long enough for a service that was killed to come back: everything the demo sends may be sent again. */
const RETRY_FOR_MS = 60_000

export type Peers = ReturnType<typeof connect>

/** Clients of all services, through the public API and nothing else. */
export function connect(config: ProjectConfig) {
  const transport = (name: (typeof SERVICE_NAMES)[number]) =>
    createTransport(serviceUrl(config, name), { retryForMs: RETRY_FOR_MS, timeoutMs: 60_000, headers: { 'x-millrace-actor': 'demo' } })
  return {
    transport,
    control: SERVICE_NAMES.map((name) => ({ name, ...controlClient(transport(name)) })),
    metrics: async (name: (typeof SERVICE_NAMES)[number]): Promise<string> => (await transport(name).raw('GET', '/metrics')).text(),
    events: eventsClient(transport('gateway')),
    features: featuresClient(transport('features')),
    monitor: monitorClient(transport('monitor')),
    pipelines: pipelinesClient(transport('pipelines')),
    serving: servingClient(transport('serving')),
    tracking: trackingClient(transport('tracking')),
  }
}

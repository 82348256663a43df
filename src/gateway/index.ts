import type { ProjectConfig } from '../domain/config.ts'
import { type EventsSchema, createEventsTables } from '../platform/events/outbox.ts'
import type { ServiceDefinition } from '../platform/service/index.ts'
import { findConsole, registerConsole } from './console/routes.ts'
import { startEventLog } from './event-log/index.ts'
import { registerOverview } from './overview/routes.ts'
import { OverviewService } from './overview/service.ts'
import { registerProxy } from './proxy/routes.ts'

/** One door to the system: the event log, the console, and routes to the other services. It listens on loopback and asks nobody who they are. */
export const gatewayService: ServiceDefinition<EventsSchema, ProjectConfig> = {
  name: 'gateway',
  ownsFolder: true,
  migrations: [{ name: '001-events', up: createEventsTables }],
  start: async (context) => {
    const { clock, config, http, url } = context
    http.addHook('onSend', async (_request, reply) => {
      if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', "frame-ancestors 'none'")
    })
    const eventLog = await startEventLog(context)
    registerOverview(http, new OverviewService({ config, clock, store: eventLog.store, url }))
    await registerProxy(http, url)
    await registerConsole(http, findConsole())
    return { waitingFor: eventLog.waitingFor }
  },
}

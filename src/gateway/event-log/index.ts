import { Agent, type Dispatcher } from 'undici'
import type { ServiceContext } from '../../platform/service/index.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import { databaseUrl, ownServices } from '../../platform/config/index.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import type { EventsSchema } from '../../platform/events/outbox.ts'
import { Counter, Gauge } from '../../platform/metrics/index.ts'
import { type Feed, httpFeed, localFeed } from './feed.ts'
import { HeadLog } from './heads.ts'
import { pullEvents } from './pull.ts'
import { registerEventLogRoutes } from './routes.ts'
import { type EventLogSchema, eventLogMigrations } from './schema.ts'
import { signHeads } from './signer.ts'
import { EventStore } from './store.ts'
import { verifyLog } from './verify.ts'

export { EventStore } from './store.ts'
export { verifyLog } from './verify.ts'
export type { EventLogSchema } from './schema.ts'

export interface EventLog {
  readonly store: EventStore
  readonly waitingFor: () => Promise<readonly string[]>
}

/** The log's own database, apart from the gateway's: `events.db`, or a schema of its own in PostgreSQL. */
export function openEventLogDatabase(config: ProjectConfig, projectFolder: string): Promise<Database<EventLogSchema>> {
  return openDatabase<EventLogSchema>({
    url: databaseUrl(config, projectFolder, 'gateway', 'events'),
    schema: 'gateway_events',
    migrations: eventLogMigrations,
    durability: config.durability,
  })
}

/** Opens the log, starts to pull every outbox into it, and registers its routes. */
export async function startEventLog(context: ServiceContext<EventsSchema, ProjectConfig>): Promise<EventLog> {
  const { config, folder, http, log, metrics, onStop, projectFolder } = context
  const db = await openEventLogDatabase(config, projectFolder)
  onStop(() => db.close())
  const store = new EventStore(db)
  const signer = signHeads(store, new HeadLog(folder), log)
  onStop(() => signer.stop())
  const stopping = new AbortController()
  const appended = new Counter({ name: 'millrace_events_total', help: 'Events appended to the log', labelNames: ['source'], registers: [metrics] })
  const breaks = new Gauge({
    name: 'millrace_event_chain_breaks',
    help: 'Events in the log that do not follow the event before them in their source; 0 is what it should be',
    labelNames: ['source'],
    registers: [metrics],
  })
  const dispatcher = new Agent({ headersTimeout: 90_000, bodyTimeout: 90_000 })
  onStop(() => dispatcher.destroy())
  const feeds = feedsOf(context, dispatcher)
  const broken = await store.brokenCounts()
  for (const { source } of feeds) breaks.set({ source }, broken.get(source) ?? 0)
  await signer.signNow()
  const pulls = feeds.map((feed) =>
    pullEvents({
      feed,
      store,
      log,
      onAppended: (source, count, breakCount) => {
        appended.inc({ source }, count)
        breaks.inc({ source }, breakCount)
        signer.changed()
      },
    }),
  )
  onStop(async () => {
    stopping.abort()
    await Promise.all(pulls.map((pull) => pull.stop()))
  })
  registerEventLogRoutes(http, {
    store,
    stopping: stopping.signal,
    verify: async () => {
      await signer.signNow()
      return verifyLog(db, folder, feeds)
    },
  })
  return {
    store,
    waitingFor: async () => (await Promise.all(pulls.map((pull) => pull.waitingFor()))).flat(),
  }
}

/** The outbox of each service that is ours, and the project's own, which its command-line tools write and pipelines hands out. */
function feedsOf({ name, outbox, url, config }: ServiceContext<EventsSchema, ProjectConfig>, dispatcher: Dispatcher): readonly Feed[] {
  const services = ownServices(config).map((service) => (service === name ? localFeed(name, outbox) : httpFeed(service, `${url(service)}/-/outbox`, dispatcher)))
  return [...services, httpFeed('project', `${url('pipelines')}/-/outbox/project`, dispatcher)]
}

import { join } from 'node:path'
import type { ProjectConfig } from '../../../domain/config.ts'
import { errorMessage } from '../../../platform/errors/index.ts'
import { type EventsSchema, createEventsTables } from '../../../platform/events/outbox.ts'
import { Gauge } from '../../../platform/metrics/index.ts'
import type { ServiceDefinition } from '../../../platform/service/index.ts'
import { DatabaseOnlineStore, type OnlineSchema, onlineRowsMigration } from './database-store.ts'
import { readViews, watchDefinitions } from './definitions.ts'
import { registerFeatureRoutes } from './routes.ts'
import { OnlineFeatures } from './service.ts'

const LOOK_EVERY_MS = 2000

/** The online features of the project's `features/*.yaml`. */
export const featuresService: ServiceDefinition<OnlineSchema & EventsSchema, ProjectConfig> = {
  name: 'features',
  migrations: [{ name: '001-events', up: createEventsTables }, onlineRowsMigration],
  start: async ({ projectFolder, db, clock, log, metrics, http, onStop }) => {
    const folder = join(projectFolder, 'features')
    const features = new OnlineFeatures(new DatabaseOnlineStore(db), () => clock.project())
    onStop(() => features.settled())
    await features.define(readViews(folder))
    const stopWatching = watchDefinitions(folder, LOOK_EVERY_MS, () => {
      Promise.resolve()
        .then(() => features.define(readViews(folder)))
        .then(
          () => log.info({ folder }, 'feature definitions read again'),
          (error: unknown) => log.error({ folder, reason: errorMessage(error) }, 'the changed feature definitions are wrong; the earlier ones stay'),
        )
    })
    onStop(stopWatching)
    registerFeatureRoutes(http, features, clock)
    const rows = new Gauge({
      name: 'millrace_online_feature_rows',
      help: 'Rows in the online store',
      labelNames: ['view'],
      registers: [metrics],
      collect: () => {
        rows.reset()
        for (const { name, rows: count } of features.summaries()) rows.set({ view: name }, count)
      },
    })
    return { waitingFor: async () => [] }
  },
}

import { join } from 'node:path'
import { featuresClient } from '../../sdk/features.ts'
import { createTransport } from '../../sdk/http.ts'
import { pipelinesClient } from '../../sdk/pipelines.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import type { ProjectConfig } from '../domain/config.ts'
import { durationMs } from '../domain/config.ts'
import { DAY_MS } from '../domain/windows.ts'
import type { ServiceContext, ServiceDefinition, ServiceInstance } from '../platform/service/index.ts'
import { References } from './drift/references.ts'
import { Reports } from './drift/reports.ts'
import { DuckDB } from './duckdb.ts'
import { Ingest } from './inference/ingest.ts'
import { Lake } from './inference/lake.ts'
import { registerMetrics } from './metrics.ts'
import { PerformanceHistory } from './performance/series.ts'
import { Engine } from './retraining/engine.ts'
import { Policy, type Watched } from './retraining/policy.ts'
import { Promotion } from './retraining/promotion.ts'
import { trackingRegistry } from './retraining/registry.ts'
import { registerRoutes } from './routes.ts'
import { MonitorService } from './service.ts'
import { type MonitorSchema, migrations } from './tables.ts'

/** Takes over predictions, joins labels to them, reports on windows, and leads retraining from its trigger to a promotion or a refusal. */
export const monitorService: ServiceDefinition<MonitorSchema, ProjectConfig> = { name: 'monitor', ownsFolder: true, migrations, start }

/** A service that is being started again is waited for; after this the work is put off and tried anew. */
const RETRY_MS = 10_000
/** A watermark waits so long for the journal before it says that it is behind. */
const PATIENCE_MS = 1_000
/** Model inputs stay in the database for so many windows after theirs has ended: reports are made of them, at the latest when the next one ends. */
const KEEP_WINDOWS = 3

async function start(context: ServiceContext<MonitorSchema, ProjectConfig>): Promise<ServiceInstance> {
  const { config, db, outbox, clock, log, folder, url, onStop } = context
  const registry = trackingRegistry(trackingClient(createTransport(url('tracking'), { retryForMs: RETRY_MS })), () => clock.project())
  const features = featuresClient(createTransport(url('features'), { retryForMs: RETRY_MS }))
  const pipelines = pipelinesClient(createTransport(url('pipelines'), { retryForMs: RETRY_MS }))
  const metrics = registerMetrics(context.metrics, db)
  const history = new PerformanceHistory(db)
  const watched = watchedModels(config)
  const duckdb = new DuckDB()
  onStop(() => duckdb.close())

  const ingest = new Ingest({
    db,
    outbox,
    log,
    serving: () => url('serving'),
    onStored: (records) => {
      metrics.ingested.inc(records.length)
      history.touch(records.map((record) => record.time))
    },
    onDiscontinued: (cause) => metrics.discontinued.inc({ cause }),
  })
  onStop(() => ingest.stop())
  const caughtUp = (): Promise<void> => ingest.catchUp()
  const reports = new Reports({ db, outbox, registry, references: new References(registry, duckdb, join(folder, 'reference')) })
  const policy = new Policy({
    db,
    reports,
    caughtUp,
    champion: (model) => registry.aliasVersion(model, config.deployments.find((one) => one.model === model)?.alias ?? 'champion'),
  })
  const promotion = new Promotion({
    config,
    db,
    outbox,
    clock,
    log,
    registry,
    caughtUp,
    featureViews: features.featureViews,
    startExecution: pipelines.start,
    execution: pipelines.get,
  })
  // Before the clock can be moved here: what ends from now on is looked at.
  for (const { model, retraining } of watched) {
    await policy.register(model, clock.project().getTime())
    if (retraining) await promotion.warnOfLateLabels(model)
  }
  const lake = new Lake(db, duckdb, join(folder, 'inference'))
  const engine = new Engine({ db, clock, log, watched, policy, promotion, onIdle: (now) => keepLake(lake, watched, now) })
  onStop(async () => {
    // First: the engine may be waiting for it.
    await ingest.stop()
    await engine.stop()
  })
  context.onClockMove(() => engine.wake())
  registerRoutes(context.http, new MonitorService({ context, registry, history, metrics, wake: () => engine.wake(), caughtUp, adoptJournal: () => ingest.adopt() }))

  return {
    waitingFor: async () => {
      // Requests may be coming in all the time: what counts is what serving had in its journal when it was asked.
      const behind = await ingest.behind(PATIENCE_MS)
      return [...(behind === null ? [] : [behind]), ...(await engine.waitingFor())]
    },
  }
}

/** Every model that a monitor or a policy of the configuration names. */
function watchedModels(config: ProjectConfig): Watched[] {
  const models = new Set([...config.monitors, ...config.retraining].map(({ model }) => model))
  return [...models].map((model) => ({
    model,
    monitor: config.monitors.find((one) => one.model === model),
    retraining: config.retraining.find((one) => one.model === model),
  }))
}

async function keepLake(lake: Lake, watched: readonly Watched[], now: Date): Promise<void> {
  for (const { model, monitor } of watched) {
    while ((await lake.writeNextDay(model, now.getTime())) !== null) continue
    const kept = monitor ? KEEP_WINDOWS * durationMs(monitor.window) : DAY_MS
    await lake.forgetInputs(model, now.getTime() - kept)
  }
}

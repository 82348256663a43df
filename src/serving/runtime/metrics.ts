import { Counter, Gauge, type Registry } from '../../platform/metrics/index.ts'
import type { Place } from './session/port.ts'
import { Agreements } from './agreement.ts'
import { HotHistogram, ReportedHistogram } from './hot-metrics.ts'
import { Presence } from './presence.ts'

/** Seconds. */
const DURATION_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

/** Counted by plain numbers on the way of a prediction, and made into Prometheus' form when that asks. */
export class VersionMetrics {
  readonly model: string
  readonly version: string
  readonly duration = new HotHistogram(DURATION_BOUNDS)
  readonly queue = new HotHistogram(DURATION_BOUNDS)
  readonly batch = new HotHistogram(BATCH_BOUNDS)
  succeeded = 0
  rows = 0
  shadowRows = 0

  constructor(model: string, version: string) {
    this.model = model
    this.version = version
  }
}

/** What the metrics ask the rest of the service for when Prometheus asks them. */
export interface ServingGauges {
  readonly queues: () => Iterable<{ readonly model: string; readonly waiting: number; readonly waitingBytes: number; readonly callers: number }>
  readonly live: () => Iterable<{ readonly model: string; readonly alias: string; readonly version: string; readonly place: Place }>
  readonly journalHead: () => number
}

export class ServingMetrics {
  readonly #versions = new Map<string, VersionMetrics>()
  /** Which versions are told of. */
  readonly presence: Presence
  readonly #failures: Counter<'model' | 'code'>
  readonly #shadowFailures: Counter<'model' | 'alias'>
  /** How shadows differ from what was answered. */
  readonly agreements: Agreements
  readonly #lookups: Counter<'outcome'>
  readonly #lookupSeconds: Counter
  readonly #missing: Counter<'model' | 'feature'>
  readonly #loadSeconds: Gauge<'model' | 'version'>

  constructor(registry: Registry, gauges: ServingGauges, presence = new Presence()) {
    const registers = [registry]
    this.presence = presence
    presence.onForget((model, version) => this.#versions.delete(keyOf(model, version)))
    this.#failures = new Counter({ name: 'model_infer_request_failure_total', help: 'Prediction requests answered with an error, by its code', labelNames: ['model', 'code'], registers })
    this.agreements = new Agreements(registry, presence)
    this.#shadowFailures = new Counter({ name: 'model_infer_shadow_failure_total', help: 'Requests that a shadow could not predict', labelNames: ['model', 'alias'], registers })
    this.#lookups = new Counter({ name: 'feature_lookup_rows_total', help: 'Rows for which online features were asked, by outcome', labelNames: ['outcome'], registers })
    this.#lookupSeconds = new Counter({ name: 'feature_lookup_seconds_total', help: 'Time spent in calls to the features service', registers })
    this.#missing = new Counter({ name: 'feature_missing_total', help: 'Features that were not to be had in time', labelNames: ['model', 'feature'], registers })
    this.#loadSeconds = new Gauge({ name: 'model_load_seconds', help: 'Time to load, warm and check a version', labelNames: ['model', 'version'], registers, aggregator: 'max' })
    this.#reportVersions(registry)
    reportGauges(registry, gauges)
  }

  /** What is counted of it: the same for as long as it is in memory, and some time after. */
  version(model: string, version: string): VersionMetrics {
    const key = keyOf(model, version)
    const known = this.#versions.get(key)
    if (known) return known
    this.presence.counted(model, version)
    const made = new VersionMetrics(model, version)
    this.#versions.set(key, made)
    return made
  }

  failed(model: string, code: string): void {
    this.#failures.inc({ model, code })
  }

  shadowFailed(model: string, alias: string): void {
    this.#shadowFailures.inc({ model, alias })
  }

  lookedUp(rows: number, seconds: number): void {
    this.#lookups.inc({ outcome: 'answered' }, rows)
    this.#lookupSeconds.inc(seconds)
  }

  lookupFailed(rows: number): void {
    this.#lookups.inc({ outcome: 'failed' }, rows)
  }

  missed(model: string, features: readonly string[]): void {
    for (const feature of features) this.#missing.inc({ model, feature })
  }

  loaded(model: string, version: string, seconds: number): void {
    this.presence.loaded(model, version)
    this.#loadSeconds.set({ model, version }, seconds)
  }

  unloaded(model: string, version: string): void {
    this.presence.left(model, version)
    this.#loadSeconds.remove({ model, version })
  }

  #reportVersions(registry: Registry): void {
    const remembered = (): Iterable<VersionMetrics> => {
      this.presence.sweep()
      return this.#versions.values()
    }
    const labelNames = ['model', 'version'] as const
    const counter = (name: string, help: string, read: (metrics: VersionMetrics) => number) =>
      new Counter({
        name,
        help,
        labelNames,
        registers: [registry],
        collect() {
          this.reset()
          for (const metrics of remembered()) this.inc({ model: metrics.model, version: metrics.version }, read(metrics))
        },
      })
    counter('model_infer_request_success_total', 'Prediction requests answered', (metrics) => metrics.succeeded)
    counter('model_infer_rows_total', 'Rows predicted and returned', (metrics) => metrics.rows)
    counter('model_infer_shadow_rows_total', 'Rows predicted in shadow', (metrics) => metrics.shadowRows)
    const histogram = (name: string, help: string, pick: (metrics: VersionMetrics) => HotHistogram) =>
      registry.registerMetric(
        new ReportedHistogram({
          name,
          help,
          labelNames,
          source: () => [...remembered()].map((metrics) => ({ labels: { model: metrics.model, version: metrics.version }, histogram: pick(metrics) })),
        }),
      )
    histogram('model_infer_request_duration_seconds', 'From the whole request to its answer', (metrics) => metrics.duration)
    histogram('model_infer_queue_duration_seconds', 'From the request queued for its model to its batch begun', (metrics) => metrics.queue)
    histogram('model_infer_batch_rows', 'Rows of a batch', (metrics) => metrics.batch)
  }
}

function keyOf(model: string, version: string): string {
  return `${model}\n${version}`
}

function reportGauges(registry: Registry, gauges: ServingGauges): void {
  registry.registerMetric(
    new Gauge({
      name: 'batch_request_queue',
      help: 'Requests accepted and not yet answered',
      labelNames: ['model'],
      registers: [],
      collect() {
        for (const { model, waiting } of gauges.queues()) this.set({ model }, waiting)
      },
    }),
  )
  registry.registerMetric(
    new Gauge({
      name: 'batch_request_queue_bytes',
      help: 'Bytes of the requests accepted and not yet answered',
      labelNames: ['model'],
      registers: [],
      collect() {
        for (const { model, waitingBytes } of gauges.queues()) this.set({ model }, waitingBytes)
      },
    }),
  )
  registry.registerMetric(
    new Gauge({
      name: 'quota_callers',
      help: 'Callers whose quota is being counted',
      labelNames: ['model'],
      registers: [],
      collect() {
        for (const { model, callers } of gauges.queues()) this.set({ model }, callers)
      },
    }),
  )
  registry.registerMetric(
    new Gauge({
      name: 'model_version_info',
      help: 'The version behind each alias: always 1',
      labelNames: ['model', 'alias', 'version'],
      registers: [],
      collect() {
        this.reset()
        for (const { model, alias, version } of gauges.live()) this.set({ model, alias, version }, 1)
      },
    }),
  )
  registry.registerMetric(
    new Gauge({
      name: 'model_run_place',
      help: 'Where a version runs (loop: the event loop; thread: one of its own; process: a Python process): always 1',
      labelNames: ['model', 'version', 'place'],
      registers: [],
      collect() {
        this.reset()
        for (const { model, version, place } of gauges.live()) this.set({ model, version, place }, 1)
      },
    }),
  )
  registry.registerMetric(
    new Counter({
      name: 'journal_bytes_total',
      help: 'Bytes ever appended to the journal',
      registers: [],
      collect() {
        this.reset()
        this.inc(gauges.journalHead())
      },
    }),
  )
}

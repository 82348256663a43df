import type { Candidate, DriftSeries, LabelsRequest, LabelsResponse, PendingLabels, PerformanceSeries, Report } from '../api/monitor.ts'
import type { ProjectConfig } from '../domain/config.ts'
import type { Period } from '../domain/windows.ts'
import { MillraceError } from '../platform/errors/index.ts'
import type { ServiceContext } from '../platform/service/index.ts'
import type { Comparison, ComparisonQuery } from '../api/rollouts.ts'
import { compare } from './comparison/compare.ts'
import { driftSeries, findReport, listReports } from './drift/reports.ts'
import type { MonitorMetrics } from './metrics.ts'
import { pendingLabels, storeLabels } from './performance/labels.ts'
import type { PerformanceHistory } from './performance/series.ts'
import { addCandidate, candidateId, findByVersion, findCandidate, listCandidates, presentCandidate } from './retraining/candidates.ts'
import type { Registry } from './retraining/registry.ts'
import type { MonitorSchema } from './tables.ts'

export interface MonitorOptions {
  readonly context: Pick<ServiceContext<MonitorSchema, ProjectConfig>, 'db' | 'config' | 'clock'>
  readonly registry: Registry
  readonly history: PerformanceHistory
  readonly metrics: Pick<MonitorMetrics, 'labels'>
  /** Something is to be done before project time moves. */
  readonly wake: () => void
  /** Resolves when all that serving has journaled by now is stored. */
  readonly caughtUp: () => Promise<void>
  readonly adoptJournal: () => Promise<{ readonly offset: number }>
}

/** What the monitor's routes answer. */
export class MonitorService {
  readonly #options: MonitorOptions

  constructor(options: MonitorOptions) {
    this.#options = options
  }

  /** Resolves once all labels are on disk. CONFLICT for one that differs from what is kept; then none of them is stored. */
  async label(labels: LabelsRequest['labels']): Promise<LabelsResponse> {
    const { context, history, metrics } = this.#options
    const times: number[] = []
    const stored = await context.db.transaction((trx) => {
      times.length = 0
      return storeLabels(trx, labels, context.clock.project(), times)
    })
    history.touch(times)
    for (const [outcome, count] of Object.entries(stored)) metrics.labels.inc({ outcome }, count)
    return stored
  }

  pendingLabels(limit: number): Promise<PendingLabels> {
    return pendingLabels(this.#options.context.db.kysely, limit)
  }

  reports(model: string): Promise<Report[]> {
    return listReports(this.#options.context.db.kysely, model)
  }

  report(id: string): Promise<Report | null> {
    return findReport(this.#options.context.db.kysely, id)
  }

  async drift(model: string): Promise<DriftSeries> {
    return driftSeries(model, await this.reports(model))
  }

  performance(model: string, by: Period, aliases: readonly string[]): Promise<PerformanceSeries> {
    return this.#options.history.series(model, by, aliases)
  }

  /** On what serving has journaled and the labels that are known, both as of now. */
  async comparison(query: ComparisonQuery): Promise<Comparison> {
    await this.#options.caughtUp()
    return compare(this.#options.context.db.reading, query)
  }

  /** An operator's word that serving's journal may be taken over though it is another. CONFLICT where it is not. */
  adoptJournal(): Promise<{ readonly offset: number }> {
    return this.#options.adoptJournal()
  }

  candidates(model?: string): Promise<Candidate[]> {
    return listCandidates(this.#options.context.db.kysely, model)
  }

  async candidate(id: string): Promise<Candidate | null> {
    const found = await findCandidate(this.#options.context.db.kysely, id)
    return found && presentCandidate(found)
  }

  /** Hands a registered version to the gate. One that is a candidate already stays the candidate that it is. */
  async submit(model: string, version: string): Promise<{ candidate: Candidate; created: boolean }> {
    const { context, registry, wake } = this.#options
    const { db, config, clock } = context
    if (!config.retraining.some((policy) => policy.model === model)) {
      throw new MillraceError('NOT_FOUND', `millrace.yaml has no retraining policy for ${JSON.stringify(model)}, so there is no gate to pass`)
    }
    const earlier = await findByVersion(db.kysely, model, version)
    if (earlier) return { candidate: presentCandidate(earlier), created: false }
    if (!(await registry.version(model, version))) throw new MillraceError('NOT_FOUND', `${model} has no version ${version}`)
    const id = candidateId(model, 'submitted', version)
    await addCandidate(db.kysely, { id, model, version, reason: 'submitted', state: 'gating', requestedAt: clock.project().getTime() })
    wake()
    const candidate = await findCandidate(db.kysely, id)
    if (!candidate) throw new MillraceError('INTERNAL', `candidate ${id} was added and is not there`)
    return { candidate: presentCandidate(candidate), created: true }
  }
}

import type { Database } from '../platform/db/index.ts'
import { Counter, Gauge, type Registry } from '../platform/metrics/index.ts'
import { latestReports } from './drift/reports.ts'
import { readState } from './inference/store.ts'
import { pendingLabels } from './performance/labels.ts'
import { countByState } from './retraining/candidates.ts'
import type { MonitorSchema } from './tables.ts'

export interface MonitorMetrics {
  /** Journal records that were stored. */
  readonly ingested: Counter
  /** Times that the journal was found not to be what was taken over of it. */
  readonly discontinued: Counter<'cause'>
  /** Labels by what became of them. */
  readonly labels: Counter<'outcome'>
}

/**
 * Gauges are read from the database when they are scraped: after a restart they say at once what they said before. They are collected in parallel,
 * so each reads what it shows for itself.
 */
export function registerMetrics(metrics: Registry, db: Database<MonitorSchema>): MonitorMetrics {
  const registers = [metrics]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[], fill: (own: Gauge<L>) => Promise<void>): Gauge<L> =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset()
        await fill(this)
      },
    })
  gauge('millrace_drift_score', 'Drift of a column against training, in the last report', ['model', 'column', 'method'], async (own) => {
    for (const { model, drift } of await latestReports(db.kysely)) {
      for (const { column, method, score } of drift.columns) if (score !== null) own.set({ model, column, method }, score)
    }
  })
  gauge('millrace_drift_share', 'Share of feature columns that have drifted, in the last report', ['model'], async (own) => {
    for (const { model, drift } of await latestReports(db.kysely)) own.set({ model }, drift.share)
  })
  gauge('millrace_label_coverage', 'Share of answered rows whose label is known, in the last report', ['model'], async (own) => {
    for (const { model, label_coverage } of await latestReports(db.kysely)) own.set({ model }, label_coverage)
  })
  gauge('millrace_performance', 'Quality on labelled rows, in the last report', ['model', 'alias', 'metric'], async (own) => {
    for (const { model, performance } of await latestReports(db.kysely)) {
      for (const { alias, auc, log_loss, ece } of performance) {
        for (const [metric, value] of Object.entries({ auc, log_loss, ece })) if (value !== null) own.set({ model, alias, metric }, value)
      }
    }
  })
  gauge('millrace_candidates', 'Candidates by state', ['model', 'state'], async (own) => {
    for (const { model, state, count } of await countByState(db.kysely)) own.set({ model, state }, count)
  })
  gauge('millrace_labels_pending', 'Labels whose request is not known', [], async (own) => own.set((await pendingLabels(db.kysely, 0)).count))
  gauge('millrace_journal_blocked', "1 while serving's journal is another than the one taken over, and an operator must say what to do", [], async (own) => {
    own.set((await readState(db.kysely)).blocked ? 1 : 0)
  })
  return {
    ingested: new Counter({ name: 'millrace_journal_records_total', help: 'Journal records taken over from serving; those read again are counted again', registers }),
    discontinued: new Counter({
      name: 'millrace_journal_discontinuities_total',
      help: "Times that serving's journal was found shortened, pruned or replaced",
      labelNames: ['cause'],
      registers,
    }),
    labels: new Counter({ name: 'millrace_labels_total', help: 'Labels received', labelNames: ['outcome'], registers }),
  }
}

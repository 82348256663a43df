import type { Report } from '../api/monitor.ts'
import type { Database } from '../platform/db/index.ts'
import { Counter, Gauge, type Registry } from '../platform/metrics/index.ts'
import { latestReports } from './drift/reports.ts'
import { pendingLabels } from './performance/labels.ts'
import { countByState } from './retraining/candidates.ts'
import type { MonitorSchema } from './tables.ts'

export interface MonitorMetrics {
  /** Journal records that were stored. */
  readonly ingested: Counter
  /** Labels by what became of them. */
  readonly labels: Counter<'outcome'>
}

/** Gauges are read from the database when they are scraped: after a restart they say at once what they said before. */
export function registerMetrics(metrics: Registry, db: Database<MonitorSchema>): MonitorMetrics {
  const registers = [metrics]
  /** Gauges are collected in parallel, so each reads the last reports for itself: one row a model. */
  const fromReports = <L extends string>(name: string, help: string, labelNames: readonly L[], fill: (gauge: Gauge<L>, report: Report) => void): void => {
    new Gauge({
      name,
      help: `${help}, in the last report`,
      labelNames,
      registers,
      async collect() {
        const reports = await latestReports(db.kysely)
        this.reset()
        for (const report of reports) fill(this, report)
      },
    })
  }
  fromReports('millrace_drift_score', 'Drift of a column against training', ['model', 'column', 'method'], (gauge, { model, drift }) => {
    for (const { column, method, score } of drift.columns) if (score !== null) gauge.set({ model, column, method }, score)
  })
  fromReports('millrace_drift_share', 'Share of feature columns that have drifted', ['model'], (gauge, { model, drift }) => gauge.set({ model }, drift.share))
  fromReports('millrace_label_coverage', 'Share of answered rows whose label is known', ['model'], (gauge, report) =>
    gauge.set({ model: report.model }, report.label_coverage),
  )
  fromReports('millrace_performance', 'Quality on labelled rows', ['model', 'alias', 'metric'], (gauge, { model, performance }) => {
    for (const { alias, auc, log_loss, ece } of performance) {
      for (const [metric, value] of Object.entries({ auc, log_loss, ece })) if (value !== null) gauge.set({ model, alias, metric }, value)
    }
  })
  new Gauge({
    name: 'millrace_candidates',
    help: 'Candidates by state',
    labelNames: ['model', 'state'],
    registers,
    async collect() {
      this.reset()
      for (const { model, state, count } of await countByState(db.kysely)) this.set({ model, state }, count)
    },
  })
  new Gauge({
    name: 'millrace_labels_pending',
    help: 'Labels whose request is not known',
    registers,
    async collect() {
      this.set((await pendingLabels(db.kysely, 0)).count)
    },
  })
  return {
    ingested: new Counter({ name: 'millrace_journal_records_total', help: 'Journal records taken over from serving', registers }),
    labels: new Counter({ name: 'millrace_labels_total', help: 'Labels received', labelNames: ['outcome'], registers }),
  }
}

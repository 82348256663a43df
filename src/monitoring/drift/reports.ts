import type { Kysely } from 'kysely'
import type { DriftSeries, Report } from '../../api/monitor.ts'
import type { MonitorConfig } from '../../domain/config.ts'
import { durationMs } from '../../domain/config.ts'
import type { Window } from '../../domain/windows.ts'
import type { Database } from '../../platform/db/index.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import { readAnswers } from '../performance/answers.ts'
import type { Registry } from '../retraining/registry.ts'
import type { MonitorSchema } from '../tables.ts'
import { readCurrent } from './current.ts'
import type { References } from './references.ts'
import { findDegradation, isoWindow, makeReport, reportId, withPerformance } from './report.ts'

export interface ReportsOptions {
  readonly db: Database<MonitorSchema>
  readonly outbox: Outbox
  readonly registry: Registry
  readonly references: References
}

/** So many windows later a report is final: labels that come after that change it no more. */
const FINAL_AFTER_WINDOWS = 2

/** Writes the reports of windows and keeps their performance current while labels arrive. Each step may be repeated after a kill. */
export class Reports {
  readonly #options: ReportsOptions

  constructor(options: ReportsOptions) {
    this.#options = options
  }

  /** Reports on a window that has ended, as of `moment`. Does nothing where the report exists. */
  async close(config: MonitorConfig, window: Window, moment: number): Promise<void> {
    const { db, outbox, references } = this.#options
    const { model } = config
    const id = reportId(model, window)
    if (await findReport(db.kysely, id)) return
    const current = await readCurrent(db.kysely, model, window)
    const answers = await readAnswers(db.kysely, model, window, moment)
    const referenceVersion = mostFrequent(current.versions)
    const reference = referenceVersion === null ? null : await references.of(model, referenceVersion)
    const report = makeReport({ model, window, current, answers, reference, referenceVersion }, config.drift)
    const degradation = await this.#degradation(config, report)
    await db.transaction(async (trx) => {
      const inserted = await trx
        .insertInto('reports')
        .values({
          report_id: id,
          model,
          window_start: window.start,
          window_end: window.end,
          final: 0,
          drifted_at: report.drift.drifted ? moment : 0,
          degraded_at: degradation ? moment : 0,
          reference_version: referenceVersion,
          report: JSON.stringify(report),
        })
        .onConflict((c) => c.doNothing())
        .returning('report_id')
        .execute()
      if (inserted.length === 0) return
      const about = { model, report_id: id, window: isoWindow(window) }
      await outbox.emit(trx, 'dev.millrace.report.created', model, about)
      if (report.drift.drifted) {
        const drifted = report.drift.columns.flatMap(({ column, method, score, threshold, drifted: is }) => (is && score !== null ? [{ column, method, score, threshold }] : []))
        await outbox.emit(trx, 'dev.millrace.drift.detected', model, { ...about, drifted, share: report.drift.share })
      }
      if (degradation) await outbox.emit(trx, 'dev.millrace.performance.degraded', model, { ...about, ...degradation })
    })
  }

  /** Computes the performance of all reports that are not final again, as of `moment`, and ends those whose time has come. */
  async refresh(config: MonitorConfig, moment: number): Promise<void> {
    const { db, outbox } = this.#options
    const { model } = config
    const open = await db.kysely.selectFrom('reports').selectAll().where('model', '=', model).where('final', '=', 0).orderBy('window_start').execute()
    for (const row of open) {
      const window = { start: row.window_start, end: row.window_end }
      const answers = await readAnswers(db.kysely, model, window, moment)
      const final = window.end + FINAL_AFTER_WINDOWS * durationMs(config.window) <= moment
      const report = { ...withPerformance(parseReport(row.report), answers), final }
      const degradation = row.degraded_at === 0 ? await this.#degradation(config, report) : null
      await db.transaction(async (trx) => {
        const changed = { report: JSON.stringify(report), final: final ? 1 : 0, ...(degradation ? { degraded_at: moment } : {}) }
        await trx.updateTable('reports').set(changed).where('report_id', '=', row.report_id).execute()
        if (!degradation) return
        await outbox.emit(trx, 'dev.millrace.performance.degraded', model, { model, report_id: row.report_id, window: isoWindow(window), ...degradation })
      })
    }
  }

  async #degradation(config: MonitorConfig, report: Report) {
    const version = report.performance[0]?.version
    if (version === undefined || report.performance[0]?.labelled === 0) return null
    const registered = await this.#options.registry.version(config.model, version)
    const holdout = registered?.runId ? await this.#options.registry.runMetrics(registered.runId) : {}
    return findDegradation(report, holdout, config.performance)
  }
}

export async function findReport(db: Kysely<MonitorSchema>, id: string): Promise<Report | null> {
  const row = await db.selectFrom('reports').select('report').where('report_id', '=', id).executeTakeFirst()
  return row ? parseReport(row.report) : null
}

/** A model's reports in order of time. */
export async function listReports(db: Kysely<MonitorSchema>, model: string): Promise<Report[]> {
  const rows = await db.selectFrom('reports').select('report').where('model', '=', model).orderBy('window_start').execute()
  return rows.map((row) => parseReport(row.report))
}

export async function latestReports(db: Kysely<MonitorSchema>): Promise<Report[]> {
  const latest = db.selectFrom('reports').select((e) => ['model', e.fn.max('window_start').as('start')]).groupBy('model').as('l')
  const rows = await db
    .selectFrom('reports as r')
    .innerJoin(latest, (join) => join.onRef('l.model', '=', 'r.model').onRef('l.start', '=', 'r.window_start'))
    .select('r.report')
    .execute()
  return rows.map((row) => parseReport(row.report))
}

/** The reports as a heat map; columns in the order in which they first appear. */
export function driftSeries(model: string, reports: readonly Report[]): DriftSeries {
  const kinds = new Map(reports.flatMap((report) => report.drift.columns.map(({ column, kind }) => [column, kind] as const)))
  return {
    model,
    windows: reports.map(({ report_id, window, rows, drift }) => ({ report_id, ...window, rows, share: drift.share, drifted: drift.drifted })),
    columns: [...kinds].map(([column, kind]) => ({
      column,
      kind,
      cells: reports.map((report) => {
        const cell = report.drift.columns.find((candidate) => candidate.column === column)
        if (!cell) return null
        const { method, score, threshold, drifted, missing_share } = cell
        return { method, score, threshold, drifted, missing_share }
      }),
    })),
  }
}

function mostFrequent(counts: ReadonlyMap<string, number>): string | null {
  const [first] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return first?.[0] ?? null
}

function parseReport(json: string): Report {
  return JSON.parse(json)
}

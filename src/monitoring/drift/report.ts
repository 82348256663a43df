import type { Report } from '../../api/monitor.ts'
import type { MonitorConfig } from '../../domain/config.ts'
import type { Window } from '../../domain/windows.ts'
import type { Answers } from '../performance/answers.ts'
import { labelCoverage, performanceByAlias } from '../performance/quality.ts'
import { compareWithReference, withoutReference } from './compare.ts'
import type { CurrentRows } from './current.ts'
import type { Reference } from './reference.ts'

export interface ReportInput {
  readonly model: string
  readonly window: Window
  readonly current: CurrentRows
  readonly answers: Answers
  readonly reference: Reference | null
  readonly referenceVersion: string | null
}

/** One report a model and window: its id says which. */
export function reportId(model: string, window: Window): string {
  return `${model}.${new Date(window.start).toISOString().slice(0, 16).replace(/T00:00$/, '')}`
}

export function makeReport(input: ReportInput, settings: MonitorConfig['drift']): Report {
  const { model, window, current, reference } = input
  const drift = reference ? compareWithReference(reference, current, settings) : withoutReference(current, settings)
  return withPerformance(
    {
      report_id: reportId(model, window),
      model,
      window: isoWindow(window),
      rows: current.rows,
      reference_version: input.referenceVersion,
      final: false,
      drift,
      performance: [],
      label_coverage: 0,
    },
    input.answers,
  )
}

export function withPerformance(report: Report, answers: Answers): Report {
  return { ...report, performance: performanceByAlias(answers), label_coverage: labelCoverage(answers) }
}

export interface Degradation {
  readonly metric: 'log_loss' | 'auc'
  readonly version: string
  readonly value: number
  readonly reference: number
  readonly threshold: number
}

/** Whether the answering alias did worse than its version's holdout by more than the policy allows; null where that cannot be said. */
export function findDegradation(
  report: Report,
  holdout: Readonly<Record<string, number>>,
  { metric, degraded_by, min_labels }: MonitorConfig['performance'],
): Degradation | null {
  const [answering] = report.performance
  const reference = holdout[metric]
  const value = answering?.[metric]
  if (!answering || value === null || value === undefined || reference === undefined || answering.labelled < min_labels) return null
  const worse = metric === 'auc' ? reference - value : value - reference
  return worse > degraded_by ? { metric, version: answering.version, value, reference, threshold: degraded_by } : null
}

export function isoWindow({ start, end }: Window): { start: string; end: string } {
  return { start: new Date(start).toISOString(), end: new Date(end).toISOString() }
}

import type { Performance } from '../../api/monitor.ts'
import { baseRate, expectedCalibrationError, logLoss, rocAuc } from '../../domain/metrics.ts'
import type { Answers } from './answers.ts'

export interface Quality {
  readonly auc: number | null
  readonly log_loss: number | null
  readonly ece: number | null
  readonly base_rate: number | null
}

export function quality(scores: readonly number[], labels: readonly number[]): Quality {
  return {
    auc: orNull(rocAuc(scores, labels)),
    log_loss: orNull(logLoss(scores, labels)),
    ece: orNull(expectedCalibrationError(scores, labels)),
    base_rate: orNull(baseRate(labels)),
  }
}

/** One entry an alias: those that answered first, then the shadows by name; each on all labelled rows that it predicted. */
export function performanceByAlias(answers: Answers): Performance[] {
  const shadows = [...answers.byAlias.keys()].filter((alias) => !answers.answering.includes(alias)).sort()
  return [...answers.answering, ...shadows].flatMap((alias) => {
    const own = answers.byAlias.get(alias)
    const version = own?.versions.keys().next().value
    if (!own || version === undefined) return []
    const { scores, labels } = labelledRows(answers, [own.scores])
    return [{ version, alias, rows: own.scores.filter((score) => !Number.isNaN(score)).length, labelled: labels.length, ...quality(scores[0] ?? [], labels) }]
  })
}

/** The rows that have a label and a score in every one of `columns`. */
export function labelledRows(answers: Answers, columns: readonly (readonly number[])[]): { labels: number[]; scores: number[][] } {
  const labels: number[] = []
  const scores = columns.map((): number[] => [])
  for (const [i, label] of answers.labels.entries()) {
    if (Number.isNaN(label) || columns.some((column) => Number.isNaN(column[i]))) continue
    labels.push(label)
    for (const [c, column] of columns.entries()) scores[c]?.push(column[i] ?? NaN)
  }
  return { labels, scores }
}

/** Share of answered rows whose truth is known; 0 where none were answered. */
export function labelCoverage(answers: Answers): number {
  if (answers.labels.length === 0) return 0
  return answers.labels.filter((label) => !Number.isNaN(label)).length / answers.labels.length
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

import type { PerformanceSeries } from '../../api/monitor.ts'
import { verify } from './step.ts'

export interface MonthFigures {
  readonly month: string
  readonly rows: number
  readonly frozen: { readonly auc: number; readonly log_loss: number }
  readonly champion: { readonly auc: number; readonly log_loss: number; readonly versions: readonly string[] }
}

export interface Summary {
  readonly sample: number
  readonly seconds: number
  readonly peak_memory_bytes: number | undefined
  readonly peak_memory_by_process: Readonly<Record<string, number>>
  readonly steps: readonly { readonly key: string; readonly title: string; readonly figure: string; readonly seconds: number }[]
  readonly months: readonly MonthFigures[]
  readonly mean: { readonly frozen: { readonly auc: number; readonly log_loss: number }; readonly champion: { readonly auc: number; readonly log_loss: number } }
  readonly retrained: number
  readonly promoted: number
  readonly events_verified: number
}

/** The months April to December of a series that holds both aliases on the same flights. */
export function monthFigures({ points }: PerformanceSeries): readonly MonthFigures[] {
  const figures: MonthFigures[] = []
  for (const { start, rows, by_alias: byAlias } of points) {
    const month = start.slice(0, 7)
    if (month < '2013-04' || month > '2013-12') continue
    const { frozen, champion } = byAlias
    verify(frozen?.auc != null && frozen.log_loss != null && champion?.auc != null && champion.log_loss != null, `${month} has figures for the frozen model and the champion`)
    if (frozen?.auc == null || frozen.log_loss == null || champion?.auc == null || champion.log_loss == null) continue
    figures.push({
      month,
      rows,
      frozen: { auc: frozen.auc, log_loss: frozen.log_loss },
      champion: { auc: champion.auc, log_loss: champion.log_loss, versions: champion.versions.toSorted((a, b) => Number(a) - Number(b)) },
    })
  }
  verify(figures.length === 9, `there are figures for nine months (found ${figures.length})`)
  return figures
}

/** Means over the months, each month counting alike, as the reference's do. */
export function meanFigures(months: readonly MonthFigures[]): Summary['mean'] {
  const mean = (pick: (month: MonthFigures) => number): number => months.reduce((sum, month) => sum + pick(month), 0) / Math.max(1, months.length)
  return {
    frozen: { auc: mean((m) => m.frozen.auc), log_loss: mean((m) => m.frozen.log_loss) },
    champion: { auc: mean((m) => m.champion.auc), log_loss: mean((m) => m.champion.log_loss) },
  }
}

export function renderSummary(summary: Summary): string {
  const line = (month: string, rows: string, frozen: { auc: number; log_loss: number }, champion: { auc: number; log_loss: number }, versions: string): string =>
    `  ${month.padEnd(9)}${rows.padStart(8)}   ${frozen.auc.toFixed(3)}  ${champion.auc.toFixed(3)}  ${signed(champion.auc - frozen.auc)}    ${frozen.log_loss.toFixed(3)}  ${champion.log_loss.toFixed(3)}  ${signed(champion.log_loss - frozen.log_loss)}   ${versions}`
  const memory = summary.peak_memory_bytes === undefined ? '' : `, at most ${(summary.peak_memory_bytes / 1e6).toFixed(0)} MB in all processes together`
  return [
    '',
    'What the loop is worth: the first model, frozen, against the loop’s champion, on the same flights',
    '',
    '                          AUC                       log loss',
    '  month     flights   frozen  loop   gain      frozen  loop   gain    versions that answered',
    ...summary.months.map(({ month, rows, frozen, champion }) => line(month, rows.toLocaleString('en'), frozen, champion, champion.versions.join(' → '))),
    line('mean', '', summary.mean.frozen, summary.mean.champion, ''),
    '',
    `  ${summary.retrained} retrainings, ${summary.promoted} promotions; ${summary.events_verified.toLocaleString('en')} events, their chains verified; ${summary.seconds.toFixed(0)} s${memory}`,
    '',
  ].join('\n')
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}

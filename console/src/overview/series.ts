import type { PerformanceSeries } from '../../../src/api/monitor.ts'
import type { AliasMove, Overview } from '../../../src/api/overview.ts'

export type Metric = 'auc' | 'log_loss'

export interface Curve {
  readonly alias: string
  readonly label: string
  /** One value a point; null where it is not defined. */
  readonly values: readonly (number | null)[]
}

export interface Chart {
  /** Milliseconds: the middle of each period. */
  readonly times: readonly number[]
  readonly starts: readonly string[]
  readonly ends: readonly string[]
  readonly rows: readonly number[]
  /** The answering alias last, so that it is drawn on top. */
  readonly curves: readonly Curve[]
}

/** The alias under test changes with each candidate: its curve would join different models. */
const NOT_COMPARED = new Set(['challenger'])
const LABELS: Readonly<Record<string, string>> = { frozen: 'frozen first model', champion: "loop's champion" }

export function makeChart(series: PerformanceSeries, metric: Metric, champion: string): Chart {
  const { points } = series
  const aliases = series.aliases.filter((alias) => !NOT_COMPARED.has(alias)).sort((a, b) => Number(a === champion) - Number(b === champion))
  return {
    times: points.map(({ start, end }) => (Date.parse(start) + Date.parse(end)) / 2),
    starts: points.map(({ start }) => start),
    ends: points.map(({ end }) => end),
    rows: points.map(({ rows }) => rows),
    curves: aliases.map((alias) => ({ alias, label: LABELS[alias] ?? alias, values: points.map((point) => point.by_alias[alias]?.[metric] ?? null) })),
  }
}

export interface Worth {
  readonly baseline: string
  readonly periods: number
  /** Mean over the periods in which both are defined. */
  readonly champion: Readonly<Record<Metric, number>>
  readonly frozen: Readonly<Record<Metric, number>>
}

/** Of the usual number of labelled rows: a period with less has only begun, or only just ended, and its figures are chance. */
const SLIVER = 0.1

/** The series without periods that have hardly any rows beside the others. */
export function withoutSlivers(series: PerformanceSeries): PerformanceSeries {
  const rows = series.points.map((point) => point.rows).sort((a, b) => a - b)
  const usual = rows[Math.floor(rows.length / 2)] ?? 0
  return { ...series, points: series.points.filter((point) => point.rows > 0 && point.rows >= usual * SLIVER) }
}

/** What the loop is worth: both models' means over the months that both were measured on. null while there is none. */
export function loopWorth(overview: Overview): Worth | null {
  const series = overview.performance.value?.month
  const baseline = series?.aliases.find((alias) => alias === 'frozen') ?? series?.aliases.find((alias) => alias !== overview.alias && !NOT_COMPARED.has(alias))
  if (series === undefined || baseline === undefined) return null
  const both = withoutSlivers(series).points.flatMap((point) => {
    const champion = defined(point.by_alias[overview.alias])
    const frozen = defined(point.by_alias[baseline])
    return champion === null || frozen === null ? [] : [{ champion, frozen }]
  })
  if (both.length === 0) return null
  const mean = (pick: (one: (typeof both)[number]) => number): number => both.reduce((sum, one) => sum + pick(one), 0) / both.length
  return {
    baseline,
    periods: both.length,
    champion: { auc: mean((one) => one.champion.auc), log_loss: mean((one) => one.champion.log_loss) },
    frozen: { auc: mean((one) => one.frozen.auc), log_loss: mean((one) => one.frozen.log_loss) },
  }
}

function defined(quality: PerformanceSeries['points'][number]['by_alias'][string] | undefined): Record<Metric, number> | null {
  if (quality === undefined || quality.auc === null || quality.log_loss === null) return null
  return { auc: quality.auc, log_loss: quality.log_loss }
}

/** The moves of the answering alias to a version, oldest first. */
export function promotions({ alias, moves }: Pick<Overview, 'alias' | 'moves'>): readonly AliasMove[] {
  return moves.filter((move) => move.alias === alias && move.version !== null).toReversed()
}

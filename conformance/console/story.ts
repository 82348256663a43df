import type { DriftSeries, PerformanceSeries } from '../../src/api/monitor.ts'

/**
 * The figures of a loop that ran from April to December 2013, in the shapes of src/api: monthly AUC and log loss as the reference run gave them,
 * weeks scattered around their month. What the browser shows in this test is scripted; what the product shows never is.
 */
export const START = Date.UTC(2013, 3, 1, 3)
export const WEEK_MS = 7 * 86_400_000
export const WEEKS = 39

const FROZEN = [0.704, 0.753, 0.751, 0.739, 0.7, 0.687, 0.671, 0.681, 0.713]
const FRESH = [0.704, 0.768, 0.768, 0.766, 0.732, 0.736, 0.703, 0.685, 0.713]
const LOSS_FROZEN = [0.512, 0.487, 0.53, 0.521, 0.486, 0.431, 0.446, 0.462, 0.523]
const LOSS_FRESH = [0.512, 0.478, 0.516, 0.503, 0.471, 0.417, 0.438, 0.461, 0.521]

const COLUMNS = [
  ['prediction', 'prediction', 0.05, 0.22],
  ['month', 'numeric', 0.6, 0.9],
  ['day_of_week', 'numeric', 0.01, 0.01],
  ['scheduled_hour', 'numeric', 0.02, 0.03],
  ['distance', 'numeric', 0.02, 0.02],
  ['carrier', 'categorical', 0.03, 0.05],
  ['origin', 'categorical', 0.01, 0.02],
  ['dest', 'categorical', 0.05, 0.07],
  ['temp', 'numeric', 0.25, 1.4],
  ['dewp', 'numeric', 0.2, 1.2],
  ['humid', 'numeric', 0.06, 0.2],
  ['wind_dir', 'numeric', 0.05, 0.1],
  ['wind_speed', 'numeric', 0.08, 0.15],
  ['wind_gust', 'numeric', 0.07, 0.16],
  ['precip', 'numeric', 0.04, 0.12],
  ['pressure', 'numeric', 0.1, 0.18],
  ['visib', 'numeric', 0.05, 0.12],
  ['mean_delay', 'numeric', 0.06, 0.3],
  ['late_share', 'numeric', 0.07, 0.28],
] as const

/** The weeks after which a candidate was promoted; a promotion brings a new reference. */
export const PROMOTIONS = [5, 10, 14, 22, 31]

/** A number from 0 to 1 that depends on `seed` alone. */
export function noise(seed: number): number {
  const x = Math.sin(seed * 127.1 + 311.7) * 43_758.5453
  return x - Math.floor(x)
}

const isoWeek = (week: number) => ({ start: new Date(START + week * WEEK_MS).toISOString(), end: new Date(START + (week + 1) * WEEK_MS).toISOString() })
const versionAt = (week: number): string => String(1 + PROMOTIONS.filter((promotion) => promotion <= week).length)

export function driftSeries(model: string, weeks: number): DriftSeries {
  const windows = Array.from({ length: weeks }, (_, week) => ({ report_id: `${model}.${week}`, ...isoWeek(week), rows: 1500 + Math.round(noise(week) * 300) }))
  const columns = COLUMNS.map(([column, kind, low, high], i) => ({
    column,
    kind,
    cells: windows.map((_, week) => {
      const since = week - Math.max(-4, ...PROMOTIONS.filter((promotion) => promotion <= week))
      const score = low * noise(i * 91 + week) + (high - low) * Math.min(1, since / 14) * (0.4 + 0.6 * noise(i * 17 + week))
      return { method: kind === 'categorical' ? 'jensenshannon' : 'wasserstein', score: Number(score.toFixed(4)), threshold: 0.1, drifted: score >= 0.1, missing_share: column === 'wind_gust' ? 0.02 : 0 }
    }),
  }))
  const share = (week: number): number => columns.filter(({ cells }) => cells[week]?.drifted).length / columns.length
  return { model, windows: windows.map((window, week) => ({ ...window, share: share(week), drifted: share(week) >= 0.5 })), columns }
}

export function performanceSeries(model: string, weeks: number, by: 'week' | 'month'): PerformanceSeries {
  const point = (start: string, end: string, month: number, scatter: number, seed: number, rows: number, week: number) => {
    const value = (series: readonly number[], shift: number) => Number(((series[month] ?? 0.7) + scatter * (noise(seed) - 0.5) + scatter * 0.25 * (noise(seed + shift) - 0.5)).toFixed(4))
    return {
      start,
      end,
      rows,
      by_alias: {
        champion: { auc: value(FRESH, 1), log_loss: value(LOSS_FRESH, 2), ece: 0.02, versions: [versionAt(week)] },
        frozen: { auc: value(FROZEN, 3), log_loss: value(LOSS_FROZEN, 4), ece: 0.03, versions: ['1'] },
      },
    }
  }
  const points =
    by === 'week'
      ? Array.from({ length: weeks }, (_, week) => {
          const { start, end } = isoWeek(week)
          return point(start, end, Math.min(8, new Date(start).getUTCMonth() - 3), 0.05, week, 1480, week)
        })
      : Array.from({ length: Math.min(9, Math.ceil((weeks * 7) / 30.6)) }, (_, month) =>
          point(new Date(Date.UTC(2013, 3 + month, 1)).toISOString(), new Date(Date.UTC(2013, 4 + month, 1)).toISOString(), month, 0, 0, 6300, Math.floor(month * 4.3)),
        )
  return { model, aliases: ['champion', 'frozen'], points }
}

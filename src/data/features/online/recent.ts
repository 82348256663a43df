import type { FeatureStatus } from '../../../api/features.ts'
import type { Scalar } from '../../../api/serving.ts'
import { Series } from './series.ts'
import type { OnlineRow } from './store.ts'
import { type AggregateFeature, type OnlineFeature, type OnlineView, createdOf, keepsNewest, retentionMs } from './view.ts'

export interface Answer {
  readonly value: Scalar
  readonly status: FeatureStatus
  /** Moment of the newest row that the answer rests on, milliseconds; 0 where there is none. */
  readonly time: number
}

const NOT_FOUND: Answer = { value: null, status: 'NOT_FOUND', time: 0 }

/**
 * The recent rows of one view, by entity. Answers as the offline join does (`latest time with moment − ttl ≤ time ≤ moment`, both ends included; windows are
 * (moment − window, moment]), as long as the moment is not further back than the retention.
 */
export class RecentRows {
  readonly #view: OnlineView
  readonly #entities = new Map<string, Series>()
  #newest = -Infinity
  #prunedTo = -Infinity

  constructor(view: OnlineView) {
    this.#view = view
  }

  get view(): OnlineView {
    return this.#view
  }

  get size(): number {
    let rows = 0
    for (const series of this.#entities.values()) rows += series.length
    return rows
  }

  /** Whether a pushed row would change anything: it is new, or corrects the row that is there. A repetition does not, nor does a version older than that row. */
  changes(row: OnlineRow): boolean {
    const known = this.#entities.get(row.entity)?.find(row.time, row.rowKey)
    if (known === undefined) return true
    const { columns, created } = this.#view
    if (columns.every((column, i) => (row.values[column] ?? null) === known[i])) return false
    return created === undefined || createdOf(this.#view, row.values[created]) >= createdOf(this.#view, known[columns.indexOf(created)])
  }

  put(row: OnlineRow): void {
    let series = this.#entities.get(row.entity)
    if (series === undefined) {
      series = new Series()
      this.#entities.set(row.entity, series)
    }
    series.put(
      row.time,
      row.rowKey,
      this.#view.columns.map((column) => row.values[column] ?? null),
    )
    this.#newest = Math.max(this.#newest, row.time)
  }

  /**
   * Where rows begin to be kept, given the present time: nothing before it may be asked for. A row from the future, a mistake of its sender, does not
   * move it: it counts from the present or from the newest row, whichever is earlier.
   */
  horizon(now: number): number {
    return Math.min(this.#newest, now) - retentionMs(this.#view)
  }

  /** Forgets what lies before the horizon and returns it, or undefined where too little has passed to make it worth while. */
  prune(now: number): number | undefined {
    const horizon = this.horizon(now)
    if (!(horizon - this.#prunedTo > retentionMs(this.#view) / 100)) return undefined
    this.#prunedTo = horizon
    for (const [entity, series] of this.#entities) {
      series.prune(horizon, keepsNewest(this.#view))
      if (series.length === 0) this.#entities.delete(entity)
    }
    return horizon
  }

  /** The features asked for of one entity as of one moment, told one after the other in that order. */
  answer(entity: string, moment: number, features: readonly OnlineFeature[], tell: (index: number, answer: Answer) => void): void {
    const series = this.#entities.get(entity)
    const through = series?.countThrough(moment) ?? 0
    for (let i = 0; i < features.length; i++) {
      const feature = features[i]
      if (feature === undefined) continue
      if (feature.kind === 'aggregate') tell(i, aggregate(series, through, moment, feature))
      else tell(i, series === undefined || through === 0 ? NOT_FOUND : this.#latest(series, through - 1, moment, feature.column))
    }
  }

  #latest(series: Series, index: number, moment: number, column: number): Answer {
    const time = series.timeAt(index)
    const { ttlMs } = this.#view
    if (ttlMs !== undefined && time < moment - ttlMs) return { value: null, status: 'OUTSIDE_MAX_AGE', time }
    const value = series.rows[index]?.[column] ?? null
    return { value, status: value === null ? 'NULL_VALUE' : 'PRESENT', time }
  }
}

const NO_ROWS: Series = new Series()

function aggregate(series: Series = NO_ROWS, through: number, moment: number, { windowMs, over }: AggregateFeature): Answer {
  const time = through === 0 ? 0 : series.timeAt(through - 1)
  const value = over(series.rows, series.countThrough(moment - windowMs), through)
  if (value !== null) return { value, status: 'PRESENT', time }
  if (through === 0) return NOT_FOUND
  return { value: null, status: time <= moment - windowMs ? 'OUTSIDE_MAX_AGE' : 'NULL_VALUE', time }
}

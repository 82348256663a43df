import { LRUCache } from 'lru-cache'
import type { PerformanceSeries } from '../../api/monitor.ts'
import { DAY_MS, type Period, type Window, periodsBetween } from '../../domain/windows.ts'
import type { Database } from '../../platform/db/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { type Answers, readAnswers } from './answers.ts'
import { labelledRows, quality } from './quality.ts'

type Point = PerformanceSeries['points'][number]

/** A shadow that predicted less than this share of a period's labelled rows is left out of its comparison, rather than shrinking it for all. */
const COVERS = 0.95
const KEPT_POINTS = 2_000

/** Performance over calendar periods, every alias on the same labelled rows. A point is computed again only after its days have changed. */
export class PerformanceHistory {
  readonly #db: Database<MonitorSchema>
  readonly #points = new LRUCache<string, { readonly stamp: number; readonly point: Point }>({ max: KEPT_POINTS })
  readonly #changed = new Map<string, number>()
  #stamp = 0

  constructor(db: Database<MonitorSchema>) {
    this.#db = db
  }

  /** Requests of these moments, of any model, were answered or labelled. */
  touch(times: Iterable<number>): void {
    const stamp = ++this.#stamp
    for (const time of times) this.#changed.set(dayOf(time), stamp)
  }

  /** `aliases` given: the rows that all of them predicted; else all that answered, with the shadows that cover them. */
  async series(model: string, period: Period, aliases: readonly string[] = []): Promise<PerformanceSeries> {
    const span = await this.#db.kysely
      .selectFrom('requests')
      .select((e) => [e.fn.min('time').as('first'), e.fn.max('time').as('last')])
      .where('model', '=', model)
      .executeTakeFirstOrThrow()
    if (span.first === null || span.last === null) return { model, aliases: [...aliases], points: [] }
    const points: Point[] = []
    for (const window of periodsBetween(period, Number(span.first), Number(span.last))) {
      const point = await this.#point(model, window, aliases)
      if (Object.keys(point.by_alias).length > 0) points.push(point)
    }
    return { model, aliases: [...new Set(points.flatMap((point) => Object.keys(point.by_alias)))], points }
  }

  async #point(model: string, window: Window, aliases: readonly string[]): Promise<Point> {
    const key = JSON.stringify([model, window, aliases])
    const kept = this.#points.get(key)
    const changed = this.#lastChange(window)
    if (kept && kept.stamp >= changed) return kept.point
    const point = makePoint(window, await readAnswers(this.#db.kysely, model, window), aliases)
    this.#points.set(key, { stamp: changed, point })
    return point
  }

  #lastChange({ start, end }: Window): number {
    let last = 0
    for (let time = start; time < end; time += DAY_MS) last = Math.max(last, this.#changed.get(dayOf(time)) ?? 0)
    return last
  }
}

function makePoint(window: Window, answers: Answers, aliases: readonly string[]): Point {
  const labelled = answers.labels.reduce((count, label) => (Number.isNaN(label) ? count : count + 1), 0)
  const covering = [...answers.byAlias].filter(([alias, { scores }]) => {
    if (aliases.length > 0) return aliases.includes(alias)
    if (answers.answering[0] === alias) return true
    const both = scores.reduce((count, score, i) => (Number.isNaN(score) || Number.isNaN(answers.labels[i]) ? count : count + 1), 0)
    return labelled > 0 && both >= COVERS * labelled
  })
  const ordered = covering.sort(([a], [b]) => rank(answers, a) - rank(answers, b) || (a < b ? -1 : 1))
  const missing = aliases.some((alias) => !answers.byAlias.has(alias))
  const { labels, scores } = missing ? { labels: [], scores: [] } : labelledRows(answers, ordered.map(([, alias]) => alias.scores))
  return {
    start: new Date(window.start).toISOString(),
    end: new Date(window.end).toISOString(),
    rows: labels.length,
    by_alias: Object.fromEntries(
      ordered.map(([alias, { versions }], i) => {
        const { auc, log_loss, ece } = quality(scores[i] ?? [], labels)
        return [alias, { auc, log_loss, ece, versions: [...versions.keys()] }]
      }),
    ),
  }
}

function rank(answers: Answers, alias: string): number {
  return answers.answering.includes(alias) ? 0 : 1
}

function dayOf(time: number): string {
  return String(Math.floor(time / DAY_MS))
}

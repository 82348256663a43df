import type { FeatureViewSummary, GetOnlineFeaturesRequest, GetOnlineFeaturesResponse, PushRequest, PushResponse } from '../../../api/features.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { answerRequest } from './answer.ts'
import { pushedRows } from './push.ts'
import { RecentRows } from './recent.ts'
import type { OnlineRow, OnlineStore } from './store.ts'
import { type OnlineView, createdOf, keepsNewest } from './view.ts'

/**
 * The online features: durable in the store, answered from memory. Changes (pushes, new definitions) happen one after the other, so that memory and store see
 * them in the same order; questions are answered at any time, from what was on disk when they came.
 */
export class OnlineFeatures {
  readonly #store: OnlineStore
  /** Project time: rows that claim to be from after it do not push older ones out. */
  readonly #now: () => Date
  #views: ReadonlyMap<string, RecentRows> = new Map()
  #changes: Promise<unknown> = Promise.resolve()

  constructor(store: OnlineStore, now: () => Date) {
    this.#store = store
    this.#now = now
  }

  /** Takes these definitions instead of the present ones. Rows of a view that is no longer defined stay in the store. */
  define(views: ReadonlyMap<string, OnlineView>): Promise<void> {
    return this.#inTurn(async () => {
      const next = new Map<string, RecentRows>()
      for (const [name, view] of views) {
        const recent = new RecentRows(view)
        for await (const row of this.#store.load(name)) recent.put(row)
        recent.prune(this.#now().getTime())
        next.set(name, recent)
      }
      this.#views = next
    })
  }

  /** Resolves when every row is on disk. Throws before anything is written if a row is not as the view says. */
  push(request: PushRequest): Promise<PushResponse> {
    return this.#inTurn(async () => {
      const recent = this.#named(request.push_source_name)
      const { name } = recent.view
      const { rows, undated } = pushedRows(recent.view, request)
      const now = this.#now().getTime()
      const horizon = recent.horizon(now)
      const kept = rows.filter(({ time }) => time >= horizon)
      const changes = newestVersions(recent.view, kept).filter((row) => recent.changes(row))
      if (changes.length > 0) await this.#store.write(name, changes)
      for (const row of changes) recent.put(row)
      const pruned = recent.prune(now)
      if (pruned !== undefined) await this.#store.prune(name, pruned, keepsNewest(recent.view))
      return { changed: changes.length, unchanged: kept.length - changes.length, undated, expired: rows.length - kept.length }
    })
  }

  /** As of `moment` (milliseconds), except for rows that bring their own. */
  answer(request: GetOnlineFeaturesRequest, moment: number): GetOnlineFeaturesResponse {
    return answerRequest((view) => this.#named(view), request, moment)
  }

  summaries(): readonly FeatureViewSummary[] {
    return [...this.#views.values()].map(summary)
  }

  summary(name: string): FeatureViewSummary {
    return summary(this.#named(name))
  }

  /** Resolves when the changes that were begun have ended. */
  async settled(): Promise<void> {
    await this.#changes
  }

  #named(name: string): RecentRows {
    const found = this.#views.get(name)
    if (found) return found
    throw new MillraceError('NOT_FOUND', `there is no feature view ${JSON.stringify(name)}; known: ${[...this.#views.keys()].join(', ') || 'none'}`)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(work)
    // The next change must not fail because this one did: whoever asked for it is told.
    this.#changes = result.then(
      () => undefined,
      () => undefined,
    )
    return result
  }
}

/** Of several versions of a row within one push, the one written last; of equals the one that stands last. */
function newestVersions(view: OnlineView, rows: readonly OnlineRow[]): readonly OnlineRow[] {
  const newest = new Map<string, OnlineRow>()
  const created = (row: OnlineRow): number => createdOf(view, view.created === undefined ? null : row.values[view.created])
  for (const row of rows) {
    const name = JSON.stringify([row.entity, row.time, row.rowKey])
    const other = newest.get(name)
    if (other === undefined || created(row) >= created(other)) newest.set(name, row)
  }
  return [...newest.values()]
}

function summary(recent: RecentRows): FeatureViewSummary {
  const { name, entity, features } = recent.view
  return { name, entity, features: features.map((feature) => feature.name), online: true, rows: recent.size }
}

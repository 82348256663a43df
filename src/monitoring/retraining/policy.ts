import type { Kysely } from 'kysely'
import { type MonitorConfig, type RetrainingConfig, durationMs } from '../../domain/config.ts'
import { DAY_MS, dueAgain, windowsEnding } from '../../domain/windows.ts'
import type { Database } from '../../platform/db/index.ts'
import type { Reports } from '../drift/reports.ts'
import type { MonitorSchema } from '../tables.ts'
import { type Reason, addCandidate, candidateId, openCandidates } from './candidates.ts'

export interface PolicyOptions {
  readonly db: Database<MonitorSchema>
  readonly reports: Reports
  /** The version that answers for a model now, or null. */
  readonly champion: (model: string) => Promise<string | null>
  readonly caughtUp: () => Promise<void>
}

/** What is configured for one model. */
export interface Watched {
  readonly model: string
  readonly monitor: MonitorConfig | undefined
  readonly retraining: RetrainingConfig | undefined
}

/**
 * Walks through project time, moment by moment: the ends of days and of windows. At each, windows that ended get their report, older reports take
 * in labels that came since, and the retraining policy is asked. How far it has come is kept with what it decided.
 */
export class Policy {
  readonly #options: PolicyOptions

  constructor(options: PolicyOptions) {
    this.#options = options
  }

  /** Makes the model known, from `now` on: what ended before is not looked at. */
  async register(model: string, now: number): Promise<void> {
    const row = { model, processed_until: now, last_training: null }
    await this.#options.db.kysely.insertInto('policies').values(row).onConflict((c) => c.doNothing()).execute()
  }

  /** The moments after those dealt with, up to `now`. */
  async due({ model, monitor }: Watched, now: number): Promise<number[]> {
    const row = await this.#options.db.kysely.selectFrom('policies').select('processed_until').where('model', '=', model).executeTakeFirst()
    if (!row) return []
    const moments = new Set(windowsEnding(0, DAY_MS, row.processed_until, now).map((day) => day.end))
    for (const window of windowsOf(monitor, row.processed_until, now)) moments.add(window.end)
    return [...moments].sort((a, b) => a - b)
  }

  /** Deals with one moment, the earliest that is due. Nothing happens twice when it is repeated. */
  async pass(watched: Watched, moment: number): Promise<void> {
    const { db, reports, caughtUp } = this.#options
    const { model, monitor } = watched
    const state = await db.kysely.selectFrom('policies').selectAll().where('model', '=', model).executeTakeFirstOrThrow()
    const windows = windowsOf(monitor, state.processed_until, moment)
    await caughtUp()
    if (monitor && windows.length > 0) {
      await reports.refresh(monitor, moment)
      for (const window of windows) await reports.close(monitor, window, moment)
    }
    const decision = await this.#decide(watched, state, moment)
    await db.transaction(async (trx) => {
      if (decision.reason) {
        const id = candidateId(model, decision.reason, new Date(moment).toISOString().slice(0, 10))
        await addCandidate(trx, { id, model, version: null, reason: decision.reason, state: 'executing', requestedAt: moment })
      }
      await trx.updateTable('policies').set({ processed_until: moment, last_training: decision.lastTraining }).where('model', '=', model).execute()
    })
  }

  async #decide(watched: Watched, state: MonitorSchema['policies'], moment: number): Promise<{ reason?: Reason; lastTraining: number | null }> {
    const unchanged = { lastTraining: state.last_training }
    const { model, retraining } = watched
    if (!retraining) return unchanged
    const reason = await this.#reason(retraining, state, moment)
    if (reason === null) return unchanged
    if ((await openCandidates(this.#options.db.kysely, model)).length > 0) return unchanged
    // Without a model that answers there is nothing to retrain; one that answered before the monitor began counts as trained when it was found.
    if ((await this.#options.champion(model)) === null) return unchanged
    if (state.last_training === null) return { lastTraining: moment }
    return { reason, lastTraining: moment }
  }

  async #reason(retraining: RetrainingConfig, state: MonitorSchema['policies'], moment: number): Promise<Reason | null> {
    if (state.last_training === null) return 'schedule'
    const cooled = moment - state.last_training >= durationMs(retraining.cooldown)
    if (cooled) {
      const found = await this.#foundBetween(this.#options.db.kysely, state.model, state.processed_until, moment)
      for (const reason of ['degraded', 'drift'] as const) if (found[reason] && retraining.on.includes(reason)) return reason
    }
    const interval = retraining.at_least_every
    return interval !== undefined && dueAgain(interval, state.last_training) <= moment ? 'schedule' : null
  }

  async #foundBetween(db: Kysely<MonitorSchema>, model: string, after: number, until: number): Promise<{ drift: boolean; degraded: boolean }> {
    const found = async (column: 'drifted_at' | 'degraded_at'): Promise<boolean> => {
      const row = await db.selectFrom('reports').select('report_id').where('model', '=', model).where(column, '>', after).where(column, '<=', until).executeTakeFirst()
      return row !== undefined
    }
    return { drift: await found('drifted_at'), degraded: await found('degraded_at') }
  }
}

function windowsOf(monitor: MonitorConfig | undefined, after: number, until: number) {
  return monitor ? windowsEnding(Date.parse(monitor.origin), durationMs(monitor.window), after, until) : []
}

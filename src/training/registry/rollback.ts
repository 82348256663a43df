import type { AliasMove } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { authorize } from './access.ts'
import { movedMeanwhile, presentMove, recordMove } from './aliases.ts'
import type { Caller } from './caller.ts'
import type { RegistryContext } from './context.ts'
import { lockModel } from './require.ts'
import * as store from './store.ts'

export interface RollbackInput {
  readonly model: string
  readonly alias: string
  /** Go back only if the alias is at this version now; undefined: from wherever it is. */
  readonly expected: number | undefined
  /** One of the versions that held the alias before; undefined: the last of them. */
  readonly to: number | undefined
}

/**
 * Gives the alias back to the version that held it before, in one transaction. Going back again goes one further back: what was rolled back from is no
 * predecessor any more. A version that is deleted is passed over. No gate is asked: the version held the alias already, and it is three in the morning.
 * With `expected`, a repetition of a rollback that was done answers that one. CONFLICT where the alias is elsewhere, NOT_FOUND where nothing held it before.
 */
export async function rollBack(context: RegistryContext, { model, alias, expected, to }: RollbackInput, by: Caller): Promise<AliasMove> {
  authorize(context, by, 'alias.rollback', { model, alias })
  return context.db.transaction(async (trx) => {
    await lockModel(trx, model)
    const current = (await store.findAlias(trx, model, alias)) ?? null
    const history = await store.readHistory(trx, model, alias)
    const last = history.at(-1)
    if (expected !== undefined && expected !== current) {
      const done = last?.kind === 'rollback' && last.previous === expected && last.version === current && (to === undefined || to === current)
      if (last !== undefined && done) return presentMove(last)
      throw movedMeanwhile(model, alias, current, expected)
    }
    const made = new Map((await store.versionNumbers(trx, model)).map(({ version, creation_time: time }) => [version, time]))
    const target = predecessors(history)
      .filter(({ version, wall_time: time }) => version !== current && (made.get(version) ?? Number.POSITIVE_INFINITY) <= time)
      .findLast(({ version }) => to === undefined || version === to)
    if (target === undefined) {
      const which = to === undefined ? 'no version that still exists' : `version ${to} never`
      throw new MillraceError('NOT_FOUND', `alias ${alias} of ${model}: ${which} held it before${current === null ? '' : ` version ${current}`}, so there is nothing to go back to`)
    }
    const seq = await recordMove(trx, context, { model, alias, version: target.version, previous: current, kind: 'rollback', overridden: [] }, by)
    const move = (await store.readHistory(trx, model, alias)).find((one) => one.seq === seq)
    if (move === undefined) throw new TypeError('a move was recorded and is not there')
    return presentMove(move)
  })
}

type Holder = store.HistoryRow & { readonly version: number }

/** The versions that held the alias, oldest first, the present holder last; what was undone by a rollback left out. */
function predecessors(history: readonly store.HistoryRow[]): readonly Holder[] {
  const holders: Holder[] = []
  for (const move of history) {
    const { version } = move
    if (version === null) continue
    if (move.kind === 'rollback') {
      const at = holders.findLastIndex((one) => one.version === version)
      if (at !== -1) holders.splice(at + 1)
    } else holders.push({ ...move, version })
  }
  return holders
}

import type { Transaction } from 'kysely'
import type { Agreement, Comparison, RolloutRequest, RolloutState } from '../../api/rollouts.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { Database } from '../../platform/db/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { EventsSchema, Outbox } from '../../platform/events/outbox.ts'
import { hexId } from '../../platform/ids/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { ServingSchema } from '../routing/store.ts'
import { type Lane, isLive } from './lane.ts'
import type { Aliases } from './aliases.ts'
import { type Move, beyond, nextMove, verdict } from './policy.ts'
import { type ProgressRow, readProgress, replaceProgress, updateProgress } from './store.ts'

export interface EngineOptions {
  readonly db: Database<ServingSchema>
  readonly outbox: Outbox
  readonly clock: Clock
  readonly log: Logger
  readonly aliases: Aliases
  /** Of the version in shadow with what was answered; undefined where it has not predicted. */
  readonly agreement: (model: string, alias: string, version: string) => Agreement | undefined
  /** What the labels say of a rollout, as the monitor knows it. */
  readonly compare: (lane: Lane, row: ProgressRow) => Promise<Comparison>
  /** Resolves when every process that answers divides requests as this one does. */
  readonly divided: () => Promise<void>
}

type By = Pick<RolloutRequest, 'actor' | 'reason'>
type Change = Partial<Omit<ProgressRow, 'model' | 'rollout_id' | 'revision'>>

/** Who acts where nobody does. */
const POLICY = 'rollout policy'

/**
 * Leads rollouts from their start to their end. Each change is one transaction with its event, and is decided from what the database says; killed anywhere, a rollout goes on where it was.
 * Work on one lane is done one after another: the caller sees to it.
 */
export class Engine {
  readonly #options: EngineOptions

  constructor(options: EngineOptions) {
    this.#options = options
  }

  /** Takes over what the database says. */
  async load(lane: Lane): Promise<void> {
    await lane.take(await readProgress(this.#options.db.kysely, lane.model), this.#options.db)
  }

  /** Everything that is due. Throws what is worth another try. `stale`: the labels are still being asked about. */
  async pass(lane: Lane, stale: boolean): Promise<void> {
    await this.load(lane)
    await lane.save(this.#options.db)
    const row = lane.live
    if (!row) return this.#startByItself(lane)
    if (row.phase === 'promoting') return this.#promote(lane, row)
    const ended = this.#overtaken(lane, row)
    if (ended) return ended.promoted ? this.#step(lane, row, { phase: 'promoted' }, { actor: POLICY, reason: ended.reason }) : this.#rollBack(lane, row, ended.reason)
    const standing = lane.standing(row, this.#now())
    const reason = verdict(standing)
    if (reason !== null) return this.#rollBack(lane, row, reason)
    if (!stale) await this.#make(lane, row, nextMove(standing))
  }

  /** Takes the candidate's requests away at once where the policy says so; `pass` makes it last. Returns whether it did. */
  condemn(lane: Lane): boolean {
    const row = lane.live
    if (!row || lane.condemned === row.rollout_id || row.phase === 'promoting' || verdict(lane.standing(row, this.#now())) === null) return false
    lane.condemned = row.rollout_id
    lane.divide()
    return true
  }

  async start(lane: Lane, { version, ...by }: RolloutRequest): Promise<void> {
    const { deployment, config, model } = lane
    await this.load(lane)
    const champion = deployment.target().model.version
    if (lane.live && (version === undefined || version === lane.live.candidate)) return
    if (lane.live) throw new MillraceError('CONFLICT', `version ${lane.live.candidate} of ${model} is being rolled out: promote or abort it first`)
    if (version !== undefined) await this.#options.aliases.bring(lane, version, by)
    const slot = deployment.slot(config.candidate)
    const candidate = slot?.live?.version
    if (candidate === undefined || (version !== undefined && candidate !== version)) {
      const failed = slot?.state === 'failed'
      throw new MillraceError(failed ? 'MODEL_INVALID' : 'MODEL_NOT_READY', `${model}@${config.candidate} is ${slot?.state ?? 'absent'}${slot?.reason ? `: ${slot.reason}` : ''}`)
    }
    if (candidate === champion) throw new MillraceError('CONFLICT', `${model}@${config.candidate} is version ${candidate}, which answers already`)
    await this.#begin(lane, champion, candidate, by)
  }

  async pause(lane: Lane, by: By): Promise<void> {
    const row = await this.#liveRow(lane)
    if (row.phase === 'paused') return
    if (row.phase === 'promoting') throw new MillraceError('CONFLICT', `the promotion of version ${row.candidate} has been decided`)
    await this.#step(lane, row, { phase: 'paused', held_ms: this.#now() - row.since }, by)
  }

  async resume(lane: Lane, by: By): Promise<void> {
    const row = await this.#liveRow(lane)
    if (row.phase !== 'paused') return
    if (row.held_ms !== null) return this.#step(lane, row, { phase: 'progressing', since: this.#now() - row.held_ms, held_ms: null }, by)
    const next = beyond(lane.standing(row, this.#now()))
    if (next.kind === 'step') return this.#step(lane, row, { phase: 'progressing', step: next.step, since: this.#now() }, by)
    if (next.kind === 'promote') return this.#step(lane, row, { phase: 'promoting' }, by)
    throw new MillraceError('CONFLICT', `version ${row.candidate} has gone through all steps: promote or abort it`)
  }

  /** Decides; the alias moves in the same call where tracking answers, or else as soon as it does. */
  async promote(lane: Lane, by: By): Promise<void> {
    await this.load(lane)
    if (lane.row?.phase === 'promoted') return
    const row = await this.#liveRow(lane)
    if (row.phase !== 'promoting') await this.#step(lane, row, { phase: 'promoting' }, by)
    if (lane.live) await this.#promote(lane, lane.live)
  }

  async abort(lane: Lane, by: By): Promise<void> {
    await this.load(lane)
    if (lane.row?.phase === 'aborted' || lane.row?.phase === 'rolled_back') return
    const row = await this.#liveRow(lane)
    if (row.phase === 'promoting' && (await this.#options.aliases.at(lane, row.alias)) === row.candidate) {
      throw new MillraceError('CONFLICT', `the alias ${row.alias} has moved to version ${row.candidate} already: millrace models rollback ${row.model}`)
    }
    await this.#end(lane, row, 'aborted', by)
  }

  state(lane: Lane): RolloutState | null {
    const state = lane.describe(this.#now())
    const agreement = state && this.#options.agreement(state.model, state.candidate_alias, state.candidate)
    return agreement ? { ...state, agreement } : state
  }

  async #liveRow(lane: Lane): Promise<ProgressRow> {
    await this.load(lane)
    if (lane.live) return lane.live
    throw new MillraceError('CONFLICT', `no version of ${lane.model} is being rolled out${lane.row ? `: the last, ${lane.row.candidate}, was ${lane.row.phase.replace('_', ' ')}` : ''}`)
  }

  async #startByItself(lane: Lane): Promise<void> {
    const { deployment, config, row } = lane
    const [champion, candidate] = [deployment.champion?.model.version, deployment.candidate?.model.version]
    if (config.start !== 'automatic' || champion === undefined || candidate === undefined || champion === candidate || row?.candidate === candidate) return
    await this.#begin(lane, champion, candidate, { actor: POLICY, reason: `the alias ${config.candidate} names version ${candidate}` })
  }

  async #begin(lane: Lane, champion: string, candidate: string, by: By): Promise<void> {
    const now = this.#now()
    const { model, config, deployment } = lane
    const row: ProgressRow = {
      model,
      rollout_id: hexId(),
      alias: deployment.alias,
      champion,
      candidate_alias: config.candidate,
      candidate,
      phase: 'progressing',
      step: 0,
      since: now,
      held_ms: null,
      reason: by.reason,
      actor: by.actor,
      started_at: now,
      changed_at: now,
      revision: (lane.row?.revision ?? 0) + 1,
    }
    await this.#write(lane, row, (trx) => replaceProgress(trx, row, lane.row))
  }

  async #make(lane: Lane, row: ProgressRow, move: Move): Promise<void> {
    if (move.kind === 'wait') return
    const by = { actor: POLICY, reason: move.reason }
    if (move.kind === 'step') await this.#step(lane, row, { step: move.step, since: this.#now() }, by)
    else await this.#step(lane, row, { phase: move.kind === 'pause' ? 'paused' : 'promoting' }, by)
  }

  /** Whether somebody else has moved what the rollout is about. A version that is not in memory yet is no sign of it. */
  #overtaken({ deployment, config }: Lane, row: ProgressRow): { readonly promoted: boolean; readonly reason: string } | null {
    const champion = deployment.champion?.model.version
    if (champion === row.candidate) return { promoted: true, reason: `the alias ${row.alias} was moved to it` }
    if (champion !== undefined && champion !== row.champion) return { promoted: false, reason: `the alias ${row.alias} was moved to version ${champion}` }
    const slot = deployment.slot(config.candidate)
    if (!slot || slot.running !== null || slot.dirty) return null
    if (slot.state === 'absent') return { promoted: false, reason: `the alias ${config.candidate} was removed` }
    if (slot.state === 'ready' && slot.live?.version !== row.candidate) return { promoted: false, reason: `the alias ${config.candidate} was moved to version ${slot.live?.version}` }
    return null
  }

  /** The alias is moved first, which may be repeated; then that is written down. */
  async #promote(lane: Lane, row: ProgressRow): Promise<void> {
    const { aliases, log } = this.#options
    const by = { actor: row.actor, reason: `rollout ${row.rollout_id}: ${row.reason}` }
    const obstacle = await aliases.promote(lane, row, by)
    if (obstacle === null) return this.#step(lane, row, { phase: 'promoted' }, { actor: row.actor, reason: row.reason })
    log.warn({ model: row.model, version: row.candidate, reason: obstacle.reason }, 'the candidate cannot be promoted')
    if (obstacle.overtaken) return this.#rollBack(lane, row, obstacle.reason)
    return this.#step(lane, row, { phase: 'paused', held_ms: null }, { actor: POLICY, reason: obstacle.reason })
  }

  #rollBack(lane: Lane, row: ProgressRow, reason: string): Promise<void> {
    this.#options.log.warn({ model: row.model, version: row.candidate, reason }, 'the candidate is rolled back')
    // No request more goes to it while this is written down.
    lane.condemned = row.rollout_id
    lane.divide()
    return this.#end(lane, row, 'rolled_back', { actor: POLICY, reason })
  }

  #end(lane: Lane, row: ProgressRow, phase: 'aborted' | 'rolled_back', by: By): Promise<void> {
    return this.#step(lane, row, { phase }, by)
  }

  async #step(lane: Lane, row: ProgressRow, change: Change, { actor, reason }: By): Promise<void> {
    await lane.save(this.#options.db)
    const changed = { ...change, actor, reason, changed_at: this.#now() }
    await this.#write(lane, { ...row, ...changed, revision: row.revision + 1 }, (trx) => updateProgress(trx, row, changed))
  }

  async #write(lane: Lane, row: ProgressRow, work: (trx: Transaction<ServingSchema>) => Promise<boolean>): Promise<void> {
    const { db, outbox, divided } = this.#options
    await db.transaction(async (trx) => {
      if (!(await work(trx))) throw new MillraceError('CONFLICT', `the rollout of ${row.model} has changed meanwhile`)
      await emit(outbox, trx, row, isLive(row) || row.phase === 'promoted' ? (lane.config.steps[row.step]?.weight ?? 0) : 0)
    })
    await lane.take(row, db)
    await divided()
  }

  #now(): number {
    return this.#options.clock.project().getTime()
  }
}


async function emit(outbox: Outbox, trx: Transaction<ServingSchema>, row: ProgressRow, weight: number): Promise<void> {
  const { model, alias, rollout_id: rollout, champion, candidate, phase, step, reason, actor } = row
  // Kysely's types are invariant in the schema, though a transaction that knows more tables can do all that one knowing fewer can.
  const events = trx as Transaction<EventsSchema | ServingSchema> as Transaction<EventsSchema>
  if (phase === 'aborted' || phase === 'rolled_back') await outbox.emit(events, 'dev.millrace.deployment.rolled_back', model, { model, alias, version: champion, previous: candidate, reason, rollout, actor })
  else await outbox.emit(events, 'dev.millrace.deployment.stepped', model, { model, alias, rollout, version: candidate, previous: champion, phase, step, weight, reason, actor })
}

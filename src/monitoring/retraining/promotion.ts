import type { GateCheck } from '../../api/events.ts'
import type { ExecutionRequest, Execution } from '../../api/pipelines.ts'
import type { FeatureViewSummary } from '../../api/features.ts'
import { type ProjectConfig, type RetrainingConfig, durationMs } from '../../domain/config.ts'
import { type GateDecision, decideCandidate, decidePromotion } from '../../domain/gates.ts'
import { DAY_MS } from '../../domain/windows.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { Database } from '../../platform/db/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { type CandidateRow, type Gate, openCandidates, updateCandidate } from './candidates.ts'
import { gatherEvidence } from './evidence.ts'
import { CHALLENGER, countPredicted, labelDelay, pairedGains } from './gains.ts'
import type { Registry } from './registry.ts'

export interface PromotionOptions {
  readonly config: ProjectConfig
  readonly db: Database<MonitorSchema>
  readonly outbox: Outbox
  readonly clock: Clock
  readonly log: Logger
  readonly registry: Registry
  readonly featureViews: () => Promise<readonly FeatureViewSummary[]>
  readonly startExecution: (request: ExecutionRequest) => Promise<Execution>
  readonly execution: (id: string) => Promise<Execution>
  /** Resolves when all that serving has journaled by now is stored. */
  readonly caughtUp: () => Promise<void>
}

/** Labels of the shadow period's last hours are waited for so long. */
const LABEL_GRACE_MS = DAY_MS
/** Fewer pairs make the normal approximation of the bound worthless. */
const MIN_PAIRS = 50
const FROZEN = 'frozen'
/** What `gatherEvidence` throws of a version that was deleted, or whose features.json is none. */
const UNREADABLE: ReadonlySet<string> = new Set(['NOT_FOUND', 'FEATURES_INVALID'])
/** The registry's own rules, or a version that is gone: asked again, it would answer the same. */
const FORBIDDEN: ReadonlySet<string> = new Set(['GATE_NOT_PASSED', 'ACCESS_DENIED', 'NOT_FOUND'])

/**
 * Leads a candidate from its execution over the gate and the shadow to its end. Each step first makes sure of its effect elsewhere, which may
 * be repeated (an execution by its key, an alias by its version), then records the new state with its event in one transaction: killed
 * anywhere, the step is taken again and nothing happens twice.
 */
export class Promotion {
  readonly #options: PromotionOptions

  constructor(options: PromotionOptions) {
    this.#options = options
  }

  /** Takes the next step that is due. Returns whether there was one. */
  async step(candidate: CandidateRow): Promise<boolean> {
    switch (candidate.state) {
      case 'executing':
        return candidate.executionId === null ? this.#start(candidate) : this.#awaitExecution(candidate, candidate.executionId)
      case 'gating':
        if (candidate.gates.some(({ gate }) => gate === 'candidate')) return this.#admit(candidate)
        return this.#judge(candidate)
      case 'shadowing':
        if (!this.#decisionDue(candidate)) return false
        return candidate.gates.some(({ gate }) => gate === 'promotion') ? this.#conclude(candidate) : this.#decide(candidate)
      default:
        return false
    }
  }

  /** What the candidate waits for though it is due, in words; null when nothing is due before project time moves on, or before another ends. */
  async waitingFor(candidate: CandidateRow): Promise<string | null> {
    const who = `${candidate.model}${candidate.version === null ? '' : ` version ${candidate.version}`}`
    switch (candidate.state) {
      case 'executing':
        return candidate.executionId === null ? `an execution for ${who} to be started (${candidate.reason})` : `execution ${candidate.executionId} (${candidate.reason})`
      case 'gating':
        return (await this.#queued(candidate)) ? null : `the gate of ${who}`
      case 'shadowing':
        return this.#decisionDue(candidate) ? `the promotion of ${who} to be decided` : null
      default:
        return null
    }
  }

  async #start(candidate: CandidateRow): Promise<boolean> {
    const { db, outbox, startExecution } = this.#options
    const { id, model, reason } = candidate
    const { execution_id } = await startExecution({ key: id, model, reason })
    await db.transaction(async (trx) => {
      await updateCandidate(trx, id, { execution_id })
      await outbox.emit(trx, 'dev.millrace.retraining.requested', model, { model, reason, execution_id, key: id })
    })
    return true
  }

  async #awaitExecution(candidate: CandidateRow, executionId: string): Promise<boolean> {
    const { db, execution, log } = this.#options
    const { state, version, unchanged, error } = await execution(executionId)
    if (state === 'queued' || state === 'running') return false
    if (state === 'finished' && unchanged !== null) {
      log.info({ candidate: candidate.id, execution_id: executionId, version: unchanged }, 'an execution made the model that answers already: there is nothing to judge')
      await updateCandidate(db.kysely, candidate.id, { state: 'unchanged', decided_at: this.#now() })
      return true
    }
    if (state === 'failed' || version === null) {
      log.warn({ candidate: candidate.id, execution_id: executionId, reason: error ?? 'it registered no version' }, 'an execution made no candidate')
      await updateCandidate(db.kysely, candidate.id, { state: 'failed', decided_at: this.#now() })
      return true
    }
    await updateCandidate(db.kysely, candidate.id, { state: 'gating', version })
    return true
  }

  async #judge(candidate: CandidateRow): Promise<boolean> {
    const { db } = this.#options
    const decision = { gate: 'candidate', ...(await this.#examine(candidate)) } as const
    await this.#record(candidate, decision, decision.passed ? {} : { state: 'refused', decided_at: this.#now() }, db)
    return true
  }

  /** What will not be better when it is asked again is a refusal: otherwise the candidate would stand in the way of all that come after it. */
  async #examine(candidate: CandidateRow): Promise<GateDecision> {
    const { registry, featureViews } = this.#options
    const { gate } = this.#policy(candidate.model)
    try {
      return decideCandidate(await gatherEvidence(registry, featureViews, candidate.model, versionOf(candidate)), gate)
    } catch (error) {
      if (!(error instanceof MillraceError && UNREADABLE.has(error.code))) throw error
      return { passed: false, checks: [{ name: 'readable', passed: false, value: error.message, rule: 'the version exists and its features.json can be read' }] }
    }
  }

  /** Passed the gate: the first version answers at once, a later one runs in shadow as soon as no other does. */
  async #admit(candidate: CandidateRow): Promise<boolean> {
    const { config, db, registry } = this.#options
    const { id, model } = candidate
    const version = versionOf(candidate)
    const deployment = config.deployments.find((one) => one.model === model)
    const alias = deployment?.alias ?? 'champion'
    const champion = await registry.aliasVersion(model, alias)
    if (champion === null || champion === version) {
      const reason = `passed the gate as the first version of ${model}`
      const frozen = champion === null && deployment?.shadow.includes(FROZEN)
      if (frozen) {
        const forbidden = await this.#move(candidate, FROZEN, reason)
        if (forbidden) return this.#forbid(candidate, forbidden)
      }
      if (champion === null) {
        const forbidden = await this.#move(candidate, alias, reason, null)
        if (forbidden && frozen) await this.#letGo(candidate, FROZEN, `refused: ${forbidden.value}`)
        if (forbidden) return this.#forbid(candidate, forbidden)
      }
      await db.transaction(async (trx) => {
        await updateCandidate(trx, id, { state: 'promoted', decided_at: this.#now() })
        await trx.updateTable('policies').set({ last_training: this.#now() }).where('model', '=', model).where('last_training', 'is', null).execute()
      })
      return true
    }
    if (await this.#queued(candidate)) return false
    const from = this.#now()
    const until = from + durationMs(this.#policy(model).shadow)
    const forbidden = await this.#move(candidate, CHALLENGER, `passed the gate; runs in shadow of version ${champion} until ${new Date(until).toISOString()}`)
    if (forbidden) return this.#forbid(candidate, forbidden)
    await updateCandidate(db.kysely, id, { state: 'shadowing', shadow_from: from, shadow_until: until })
    await this.warnOfLateLabels(model)
    return true
  }

  /** Moves an alias to the candidate; answers with the failed check where the registry's own rules forbid it. */
  async #move(candidate: CandidateRow, alias: string, reason: string, expected?: string | null): Promise<GateCheck | undefined> {
    try {
      await this.#options.registry.setAlias(candidate.model, alias, versionOf(candidate), reason, expected)
      return undefined
    } catch (error) {
      if (!(error instanceof MillraceError && FORBIDDEN.has(error.code))) throw error
      return { name: 'registry_permits', passed: false, value: `${error.code}: ${error.message}`, rule: `the registry lets the monitor move the alias ${alias} to it` }
    }
  }

  /** An alias that the monitor may not remove stays, and is an operator's: the candidate's end does not wait for it. */
  async #letGo(candidate: CandidateRow, alias: string, reason: string): Promise<void> {
    const { registry, log } = this.#options
    try {
      await registry.removeAlias(candidate.model, alias, versionOf(candidate), reason)
    } catch (error) {
      if (!(error instanceof MillraceError && FORBIDDEN.has(error.code))) throw error
      log.warn({ candidate: candidate.id, alias, reason: error.message }, 'an alias could not be removed and stays')
    }
  }

  async #forbid(candidate: CandidateRow, check: GateCheck): Promise<boolean> {
    await this.#record(candidate, { gate: 'candidate', passed: false, checks: [check] }, { state: 'refused', decided_at: this.#now() }, this.#options.db)
    return true
  }

  /** Labels that take longer than the shadow period and the day after it come too late to judge anybody. */
  async warnOfLateLabels(model: string): Promise<void> {
    const { db, log } = this.#options
    const { shadow } = this.#policy(model)
    const delay = await labelDelay(db.kysely, model)
    if (delay === null || delay <= durationMs(shadow) + LABEL_GRACE_MS) return
    log.warn(
      { model, shadow, label_delay_days: delay / DAY_MS },
      'labels take longer than retraining.shadow and one day: a candidate will be refused for want of labelled pairs; raise retraining.shadow',
    )
  }

  async #decide(candidate: CandidateRow): Promise<boolean> {
    const { db, registry, caughtUp } = this.#options
    const { model } = candidate
    const { start, end } = shadowOf(candidate)
    await caughtUp()
    const champion = await registry.aliasVersion(model, this.#alias(model))
    const gains = await pairedGains(db.kysely, model, versionOf(candidate), { start, end }, end + LABEL_GRACE_MS)
    const { promote, shadow } = this.#policy(model)
    const delay = await labelDelay(db.kysely, model)
    const facts = {
      predicted: await countPredicted(db.kysely, model, versionOf(candidate), { start, end }),
      label_delay_days: delay === null ? null : delay / DAY_MS,
      shadow,
    }
    const decision = { gate: 'promotion', ...decidePromotion(gains, { ...promote, min_pairs: MIN_PAIRS }, facts) } as const
    await this.#record(candidate, decision, { champion }, db)
    return true
  }

  /** Carries the decision out: the answering alias moves only from the version that the candidate was compared with. */
  async #conclude(candidate: CandidateRow): Promise<boolean> {
    const { db } = this.#options
    const { id, model } = candidate
    const gate = candidate.gates.findLast((one) => one.gate === 'promotion')
    const why = gate?.checks.map((check) => check.rule).join('; ') ?? ''
    const obstacle = gate?.passed ? await this.#promote(candidate, `promoted: ${why}`) : undefined
    if (obstacle) await this.#record(candidate, { gate: 'promotion', passed: false, checks: [obstacle] }, {}, db)
    const passed = gate?.passed === true && obstacle === undefined
    const refusal = obstacle === undefined ? why : obstacle.name === 'registry_permits' ? String(obstacle.value) : `not so: ${obstacle.rule}`
    await this.#letGo(candidate, CHALLENGER, passed ? `promoted to ${this.#alias(model)}` : `refused: ${refusal}`)
    await updateCandidate(db.kysely, id, { state: passed ? 'promoted' : 'refused', decided_at: this.#now() })
    return true
  }

  /** Answers with what was in the way, for good. */
  async #promote(candidate: CandidateRow, reason: string): Promise<GateCheck | undefined> {
    try {
      return await this.#move(candidate, this.#alias(candidate.model), reason, candidate.champion)
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'CONFLICT')) throw error
      return { name: 'champion_unchanged', passed: false, value: candidate.champion ?? 'none', rule: 'the version that it was compared with still answers' }
    }
  }

  async #record(candidate: CandidateRow, gate: Gate, change: Parameters<typeof updateCandidate>[2], db: Database<MonitorSchema>): Promise<void> {
    const { id, model, executionId } = candidate
    await db.transaction(async (trx) => {
      await updateCandidate(trx, id, { ...change, gates: JSON.stringify([...candidate.gates, gate]) })
      await this.#options.outbox.emit(trx, 'dev.millrace.gate.decided', model, {
        model,
        version: versionOf(candidate),
        ...gate,
        ...(executionId === null ? {} : { execution_id: executionId }),
      })
    })
  }

  /** Whether it has passed the gate and another candidate of the model runs in shadow. */
  async #queued(candidate: CandidateRow): Promise<boolean> {
    if (!candidate.gates.some((gate) => gate.gate === 'candidate' && gate.passed)) return false
    return (await openCandidates(this.#options.db.kysely, candidate.model)).some((other) => other.state === 'shadowing')
  }

  #decisionDue(candidate: CandidateRow): boolean {
    return candidate.shadowUntil !== null && this.#now() >= candidate.shadowUntil + LABEL_GRACE_MS
  }

  #policy(model: string): RetrainingConfig {
    const policy = this.#options.config.retraining.find((one) => one.model === model)
    if (!policy) throw new MillraceError('NOT_FOUND', `millrace.yaml has no retraining policy for ${model}`)
    return policy
  }

  #alias(model: string): string {
    return this.#options.config.deployments.find((one) => one.model === model)?.alias ?? 'champion'
  }

  #now(): number {
    return this.#options.clock.project().getTime()
  }
}

function versionOf({ id, version }: CandidateRow): string {
  if (version === null) throw new TypeError(`candidate ${id} has no version yet`)
  return version
}

function shadowOf({ id, shadowFrom, shadowUntil }: CandidateRow): { start: number; end: number } {
  if (shadowFrom === null || shadowUntil === null) throw new TypeError(`candidate ${id} is not in shadow`)
  return { start: shadowFrom, end: shadowUntil }
}

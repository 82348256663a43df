import type { DeploymentState } from '../../api/serving.ts'
import { type DeploymentConfig, durationMs } from '../../domain/config.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { type CallerQuota, Quota } from '../limits/quota.ts'
import { type AskFeatures, FeatureLookup, type LookupObserver } from '../runtime/lookup.ts'
import type { LoadOptions } from '../runtime/model.ts'
import type { Recording } from '../journal/recording.ts'
import type { Served, Target } from '../runtime/plane.ts'
import type { Split } from '../rollout/split.ts'
import type { VersionsOnDemand } from './on-demand.ts'
import { Slot } from './slot.ts'

/** One model of the configuration: the alias that answers, and those that run along. */
export class Deployment implements Served {
  readonly name: string
  readonly alias: string
  readonly limits: Served['limits']
  /** Milliseconds until a request is refused that has no answer. */
  readonly timeoutMs: number
  quota: CallerQuota | null
  readonly lookup: FeatureLookup
  readonly recording: Recording
  /** How its versions are loaded, beside what the model's own files say. */
  readonly loading: LoadOptions
  readonly slots: readonly Slot[]
  /** Whether the configuration names it. Else its name is what a caller wrote, until the registry has confirmed it. */
  declared = true
  /** Finds versions that no alias of the deployment points at; null where only those are served. */
  onDemand: VersionsOnDemand | null = null
  champion: Target | null = null
  /** What stands behind the alias that a rollout would try; null where there is none. */
  candidate: Target | null = null
  /** Told of each change of `split`. */
  onSplit: (() => void) | null = null
  #split: Split | null = null
  shadows: readonly Target[] = []
  waiting = 0
  waitingBytes = 0
  shadowing = 0
  predictions = 0
  /** That the configuration lets run along. */
  readonly shadowAliases: readonly string[]
  readonly #tried: string | undefined

  constructor(config: DeploymentConfig, ask: AskFeatures, observer: LookupObserver, recording: Recording) {
    this.name = config.model
    this.alias = config.alias
    const { limits } = config
    this.limits = {
      maxRows: limits.max_rows,
      maxQueue: limits.max_queue,
      maxQueueBytes: limits.max_queue_bytes,
      maxWaitMs: durationMs(limits.max_wait),
      maxBatchRows: config.batch.max_rows,
    }
    this.timeoutMs = durationMs(limits.timeout)
    this.quota = limits.quota ? new Quota({ requests: limits.quota.requests, windowMs: durationMs(limits.quota.per), caller: limits.quota.caller.toLowerCase() }) : null
    this.recording = recording
    this.lookup = new FeatureLookup(ask, durationMs(config.features.deadline), observer)
    this.loading = { run: config.run, provider: config.execution_provider }
    this.shadowAliases = config.shadow
    this.#tried = config.rollout?.candidate
    const aliases = new Set([config.alias, ...config.shadow, ...(config.rollout ? [config.rollout.candidate] : [])])
    this.slots = [...aliases].map((alias) => new Slot(config.model, alias))
  }

  /** On while a rollout is: which of the two a request goes to. */
  get split(): Split | null {
    return this.#split
  }

  set split(split: Split | null) {
    this.#split = split
    this.onSplit?.()
  }

  /** The version that a rollout tries; null while another one stands behind its alias, or none. */
  tried(version: string): Target | null {
    return this.candidate?.model.version === version ? this.candidate : null
  }

  slot(alias: string): Slot | undefined {
    return this.slots.find((slot) => slot.alias === alias)
  }

  /** Takes over what the slots hold now, in one step: a request meets the old versions or the new, never a mixture. */
  refresh(): void {
    const targets = this.slots.flatMap((slot): Target[] => (slot.live ? [{ model: slot.live, alias: slot.alias }] : []))
    this.champion = targets.find((target) => target.alias === this.alias) ?? null
    this.candidate = targets.find((target) => target.alias === this.#tried) ?? null
    this.shadows = targets.filter((target) => target.alias !== this.alias && this.shadowAliases.includes(target.alias))
  }

  /**
   * The target that answers a request that names no version. MODEL_NOT_READY where there is none yet; MODEL_UNLOADED, or MODEL_INVALID where there will be none until the
   * alias moves.
   */
  target(): Target {
    if (this.champion) return this.champion
    const slot = this.slot(this.alias)
    if (slot?.unloaded && slot.state === 'absent') throw new MillraceError('MODEL_UNLOADED', slot.reason ?? `${this.name} was unloaded`)
    // A folder in which none can be told has no version that failed.
    if (slot?.state === 'failed') throw new MillraceError('MODEL_INVALID', `${slot.name}${slot.failedVersion ? `: version ${slot.failedVersion}` : ''} cannot be served: ${slot.reason}`)
    throw new MillraceError('MODEL_NOT_READY', `${this.name}@${this.alias} is ${slot?.state ?? 'absent'}${slot?.reason ? `: ${slot.reason}` : ''}`)
  }

  /** What a request means that names a version, or `@` and an alias: one that an alias of the deployment points at, or one that is loaded for it. */
  at(reference: string): Target | Promise<Target> {
    const alias = reference.startsWith('@') ? reference.slice(1) : undefined
    if (this.declared) {
      if (alias === this.alias) return this.target()
      const served = this.#served(reference)
      if (served) return served === this.champion ? served : { ...served, chosen: true }
    }
    if (this.onDemand) return this.onDemand.target(this.name, reference)
    throw new MillraceError('NOT_FOUND', alias === undefined ? `version ${reference} of ${this.name} is not deployed here` : `${this.name}@${alias} is not deployed here`)
  }

  /** Whether it does what it is to do: answers, or has been unloaded. */
  get asWanted(): boolean {
    return this.champion !== null || this.slot(this.alias)?.unloaded === true
  }

  /** Whether `at` answers at once. */
  isReady(reference: string): boolean {
    return (this.declared && this.#served(reference) !== undefined) || this.onDemand?.peek(this.name, reference) !== undefined
  }

  #served(reference: string): Target | undefined {
    const served = [this.champion, this.candidate, ...this.shadows].filter((target) => target !== null)
    return served.find(({ alias, model }) => reference === `@${alias}` || reference === model.version)
  }

  state(): DeploymentState {
    const slot = this.slot(this.alias)
    const reasons = this.slots.flatMap((one) => (one.reason === null ? [] : [one === slot ? one.reason : `${one.alias}: ${one.reason}`]))
    return {
      model: this.name,
      alias: this.alias,
      version: this.champion?.model.version ?? null,
      shadows: this.shadows.map(({ alias, model }) => ({ alias, version: model.version })),
      state: slot?.state ?? 'absent',
      ...(reasons.length > 0 ? { reason: reasons.join('; ') } : {}),
      predictions: this.predictions,
      swapped_at: slot?.swappedAt ? new Date(slot.swappedAt).toISOString() : null,
    }
  }
}

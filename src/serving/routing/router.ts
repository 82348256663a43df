import { setTimeout as sleep } from 'node:timers/promises'
import type { EventType, EventData } from '../../api/events.ts'
import type { DeploymentState } from '../../api/serving.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { Database } from '../../platform/db/index.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { EventsSchema, Outbox } from '../../platform/events/outbox.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { Transaction } from 'kysely'
import type { LoadedModel } from '../runtime/model.ts'
import type { ServingMetrics } from '../runtime/metrics.ts'
import type { Deployment } from './deployment.ts'
import { isFinal } from './final.ts'
import type { Located } from './locate.ts'
import type { ModelStore } from './model-cache.ts'
import type { ModelRegistry, VersionFound } from './registry.ts'
import type { Slot } from './slot.ts'
import { type ServingSchema, readRollouts, writeRollout } from './store.ts'
import type { Versions } from './versions.ts'

export interface RouterOptions {
  readonly deployments: readonly Deployment[]
  readonly registry: ModelRegistry
  readonly cache: ModelStore
  readonly versions: Versions
  readonly db: Database<ServingSchema>
  readonly outbox: Outbox
  readonly clock: Clock
  readonly metrics: ServingMetrics
  readonly log: Logger
  /**
   * Brings other processes to where an alias is about to point (null: nowhere), and resolves when they all are there: a swap is done when it is everywhere. A
   * version that one of them cannot load is refused with that process' error.
   */
  readonly spread?: (slot: Slot, found: VersionFound | null, model: LoadedModel | null) => Promise<void>
}

const PAUSE_MS = [100, 200, 500, 1000, 2000, 5000] as const

/**
 * Keeps behind each alias of each deployment the version that the registry says: loads the new one beside the old, warms and checks it, swaps,
 * lets the old drain. A version that cannot be served leaves the old one where it is, and an event says why.
 */
export class Router {
  readonly #options: RouterOptions
  readonly #deployments: ReadonlyMap<string, Deployment>
  readonly #turns = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()

  constructor(options: RouterOptions) {
    this.#options = options
    this.#deployments = new Map(options.deployments.map((deployment) => [deployment.name, deployment]))
  }

  get deployments(): readonly Deployment[] {
    return this.#options.deployments
  }

  find(model: string): Deployment | undefined {
    return this.#deployments.get(model)
  }

  /** Where a request goes that names a model, as `NAME` or `NAME@alias`, and perhaps a version or `@alias` of it. */
  locate(model: string, reference?: string): Located | undefined {
    return this.#options.versions.locator.locate(model, reference)
  }

  /** The versions in memory. */
  get versions(): Versions {
    return this.#options.versions
  }

  /** Serves what it served before, from this machine alone; then asks tracking, for as long as that takes. */
  async start(): Promise<void> {
    for (const row of await readRollouts(this.#options.db)) {
      const slot = this.find(row.model)?.slot(row.alias)
      if (!slot) continue
      slot.failedVersion = row.failed_version
      slot.reason = row.failed_reason
      if (row.version !== null && row.identity !== null) await this.#restore(slot, { version: row.version, identity: row.identity }, row.swapped_at)
    }
    for (const deployment of this.deployments) for (const slot of deployment.slots) this.#check(slot)
  }

  /** The alias may point elsewhere now. */
  moved(model: string, alias: string): void {
    const slot = this.find(model)?.slot(alias)
    if (slot) this.#check(slot)
    this.versions.onDemand?.changed(model, alias)
  }

  /** The model, or a version of it, was deleted. */
  changed(model: string): void {
    for (const slot of this.find(model)?.slots ?? []) this.#check(slot)
    this.versions.onDemand?.changed(model)
  }

  /** Looks where the model's aliases point, and resolves when serving is there or cannot be. */
  async recheck(model: string): Promise<void> {
    const { slots = [] } = this.find(model) ?? {}
    for (const slot of slots) this.#check(slot)
    await Promise.all(slots.map((slot) => slot.running))
  }

  waitingFor(): readonly string[] {
    return this.deployments.flatMap((deployment) =>
      deployment.slots
        .filter((slot) => slot.dirty || slot.running !== null)
        .map((slot) => `rollout of ${slot.name}${slot.reason === null ? '' : ` (${slot.reason})`}`),
    )
  }

  states(): readonly DeploymentState[] {
    return this.deployments.map((deployment) => deployment.state())
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    const slots = this.deployments.flatMap((deployment) => deployment.slots)
    await Promise.all(slots.map((slot) => slot.running))
    this.versions.loaded.stop()
  }

  async #restore(slot: Slot, found: VersionFound, swappedAt: number | null): Promise<void> {
    try {
      const model = await this.versions.loaded.restore(slot.model, found)
      if (model === null) return
      slot.live = model
      slot.found = found
      await this.#options.spread?.(slot, found, model)
      slot.state = 'ready'
      slot.swappedAt = swappedAt
      this.find(slot.model)?.refresh()
    } catch (error) {
      this.#options.log.error({ model: slot.model, alias: slot.alias, version: found.version, reason: errorMessage(error) }, 'the version served before cannot be loaded')
    }
  }

  #check(slot: Slot): void {
    slot.dirty = true
    slot.running ??= this.#settle(slot).finally(() => {
      slot.running = null
      // An event between the last look and now must not be forgotten.
      if (slot.dirty && !this.#stop.signal.aborted) this.#check(slot)
    })
  }

  async #settle(slot: Slot): Promise<void> {
    const { signal } = this.#stop
    for (let failures = 0; slot.dirty && !signal.aborted; ) {
      slot.dirty = false
      try {
        await this.#exclusively(slot.model, () => this.#rollOut(slot))
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        slot.dirty = true
        slot.reason = errorMessage(error)
        const pause = PAUSE_MS[Math.min(failures++, PAUSE_MS.length - 1)] ?? 5000
        this.#options.log.warn({ model: slot.model, alias: slot.alias, reason: slot.reason, pause }, 'the rollout must wait')
        await sleep(pause, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** One rollout of a model at a time: two aliases of it may share a version, which must not be retired by one while the other takes it. */
  #exclusively(model: string, work: () => Promise<void>): Promise<void> {
    const done = (this.#turns.get(model) ?? Promise.resolve()).then(work)
    this.#turns.set(
      model,
      done.catch(() => undefined),
    )
    return done
  }

  /** Brings the slot to where the registry's alias points. Throws what is worth another try; what is not becomes the slot's state. */
  async #rollOut(slot: Slot): Promise<void> {
    let found: VersionFound | null
    try {
      found = await this.#options.registry.alias(slot.model, slot.alias)
    } catch (error) {
      // A folder whose config.pbtxt is wrong, or that holds no version: trying again changes nothing.
      if (!(error instanceof MillraceError && error.code === 'MODEL_INVALID')) throw error
      return this.#refuse(slot, '', error.message)
    }
    if (found === null) return this.#withdraw(slot)
    if (slot.live && slot.found && sameVersion(slot.found, found)) {
      slot.state = 'ready'
      slot.reason = null
      if (slot.unsaved) await this.#save(slot)
      else if (slot.failedVersion !== null) await this.#forgetFailure(slot)
      return
    }
    // One that was refused stays so while it is tried once more.
    if (slot.live === null && slot.failedVersion !== found.version) {
      // Of its absence, which is over.
      if (slot.state === 'absent') slot.reason = null
      slot.state = 'loading'
    }
    let loaded: LoadedModel | null = null
    try {
      // Until the alias keeps it: what others ask for meanwhile must not make it go.
      await this.versions.loaded.holding(slot.model, found, async (model) => {
        loaded = model
        await this.#options.spread?.(slot, found, model)
        this.#swap(slot, found, model)
      })
    } catch (error) {
      this.#release(loaded)
      if (!isFinal(error)) throw error
      return this.#refuse(slot, found.version, errorMessage(error))
    }
    await this.#save(slot)
    this.#prune(slot.model)
  }

  #swap(slot: Slot, found: VersionFound, model: LoadedModel): void {
    const old = slot.live
    const started = performance.now()
    slot.live = model
    slot.found = found
    this.find(slot.model)?.refresh()
    slot.unsaved = { previous: old?.version ?? null, swapMs: performance.now() - started }
    slot.state = 'ready'
    slot.reason = null
    slot.unloaded = false
    slot.failedVersion = null
    slot.swappedAt = this.#options.clock.project().getTime()
    this.#release(old)
    this.#options.log.info({ model: slot.model, alias: slot.alias, version: found.version, previous: slot.unsaved.previous }, 'rolled out')
  }

  async #save(slot: Slot): Promise<void> {
    const { unsaved, live } = slot
    if (!unsaved || !live) return
    await this.#record(slot, 'dev.millrace.deployment.rolled_out', {
      model: slot.model,
      alias: slot.alias,
      version: live.version,
      previous: unsaved.previous,
      swap_ms: unsaved.swapMs,
    })
    slot.unsaved = null
  }

  async #refuse(slot: Slot, version: string, reason: string): Promise<void> {
    const known = slot.failedVersion === version && slot.reason === reason
    slot.state = 'failed'
    slot.reason = reason
    slot.unloaded = false
    slot.failedVersion = version
    if (known) return
    this.#options.log.error({ model: slot.model, alias: slot.alias, version, reason }, 'the version cannot be served')
    await this.#record(slot, 'dev.millrace.deployment.failed', { model: slot.model, alias: slot.alias, version, reason })
  }

  async #withdraw(slot: Slot): Promise<void> {
    await this.#options.spread?.(slot, null, null)
    const old = slot.live
    const absence = this.#options.registry.absence?.(slot.model) ?? null
    slot.live = null
    slot.found = null
    slot.state = 'absent'
    slot.reason = absence?.message ?? null
    slot.unloaded = absence !== null
    slot.failedVersion = null
    slot.unsaved = null
    this.find(slot.model)?.refresh()
    this.#release(old)
    await this.#options.db.transaction((trx) => writeRollout(trx, slot.row()))
  }

  async #forgetFailure(slot: Slot): Promise<void> {
    slot.failedVersion = null
    await this.#options.db.transaction((trx) => writeRollout(trx, slot.row()))
  }

  async #record<T extends EventType>(slot: Slot, type: T, data: EventData[T]): Promise<void> {
    const { db, outbox } = this.#options
    await db.transaction(async (trx) => {
      await writeRollout(trx, slot.row())
      await outbox.emit(eventsTransaction(trx), type, slot.model, data)
    })
  }

  /** Nobody but aliases keeps it. */
  #release(old: LoadedModel | null): void {
    if (old) this.versions.loaded.drop(old)
  }

  #prune(model: string): void {
    const inUse = this.versions.loaded.inUse(model)
    this.#options.cache.prune(model, inUse)
  }
}

function sameVersion(a: VersionFound, b: VersionFound): boolean {
  return a.version === b.version && a.identity === b.identity
}

/** Kysely's types are invariant in the schema, though a transaction that knows more tables can do all that one knowing fewer can. */
function eventsTransaction(trx: Transaction<ServingSchema>): Transaction<EventsSchema> {
  return trx as Transaction<EventsSchema | ServingSchema> as Transaction<EventsSchema>
}

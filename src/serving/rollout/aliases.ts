import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../../../sdk/http.ts'
import type { RegistryClient } from '../../../sdk/registry.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { Lane } from './lane.ts'
import type { ProgressRow } from './store.ts'

interface Author {
  readonly actor: string
  readonly reason: string
}

/** Why a promotion cannot be. `overtaken`: the alias is no longer where the rollout began. */
export interface Obstacle {
  readonly overtaken: boolean
  readonly reason: string
}

const PATIENCE_MS = 5000

/** What a rollout asks of the registry: it alone says where aliases point, and serving follows. Errors of the network may be tried again. */
export class Aliases {
  readonly #registry: RegistryClient
  readonly #clock: Clock
  readonly #recheck: (model: string) => Promise<void>

  /** `recheck` resolves once serving has what the aliases of a model point at, or cannot have it. */
  constructor(registry: RegistryClient, clock: Clock, recheck: (model: string) => Promise<void>) {
    this.#registry = registry
    this.#clock = clock
    this.#recheck = recheck
  }

  /** The version that the alias names; undefined where there is none. */
  async at({ model }: Lane, alias: string): Promise<string | undefined> {
    return (await this.#registry.getByAlias(model, alias))?.version
  }

  /** Moves the candidate alias, and waits for serving to have the version. */
  async bring(lane: Lane, version: string, by: Author): Promise<void> {
    const { candidate } = lane.config
    if ((await this.at(lane, candidate)) !== version) await this.#registry.setAlias(lane.model, candidate, version, this.#signed(by))
    await this.#follow(lane, () => lane.deployment.candidate?.model.version === version)
  }

  /** Gives the deployment's alias to the candidate, unless it has it, and waits for serving to answer with it. null when that is so. */
  async promote(lane: Lane, row: ProgressRow, by: Author): Promise<Obstacle | null> {
    const { model, alias, candidate, champion } = row
    try {
      if ((await this.at(lane, alias)) !== candidate) await this.#registry.setAlias(model, alias, candidate, { ...this.#signed(by), expected: champion })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500 || error.status === 408 || error.status === 429) throw error
      return error.code === 'CONFLICT' ? { overtaken: true, reason: `the alias ${alias} is no longer at version ${champion}` } : { overtaken: false, reason: `${error.code}: ${error.message}` }
    }
    await this.#follow(lane, () => lane.deployment.champion?.model.version === candidate)
    if (lane.deployment.champion?.model.version !== candidate) throw new Error(`version ${candidate} of ${model} does not answer yet`)
    return null
  }

  async #follow(lane: Lane, arrived: () => boolean): Promise<void> {
    const stop = new AbortController()
    // A router that cannot reach tracking tries for ever; one that follows events may be there without being asked.
    await Promise.race([this.#recheck(lane.model), sleep(PATIENCE_MS, undefined, { signal: stop.signal }).catch(() => undefined)])
    stop.abort()
    for (let i = 0; i < 20 && !arrived(); i++) await sleep(25)
  }

  #signed({ actor, reason }: Author): { readonly actor: string; readonly reason: string; readonly time?: Date } {
    return { actor, reason, ...(this.#clock.simulated ? { time: this.#clock.project() } : {}) }
  }
}

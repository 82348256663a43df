import { LRUCache } from 'lru-cache'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { LoadedModel } from '../runtime/model.ts'
import type { Target } from '../runtime/plane.ts'
import type { CacheMetrics } from './cache-metrics.ts'
import { isFinal } from './final.ts'
import type { LoadedModels } from './loaded-models.ts'
import { isAlias, isVersion } from './reference.ts'
import type { ModelRegistry, VersionFound } from './registry.ts'

export interface OnDemandOptions {
  readonly registry: ModelRegistry
  readonly loaded: LoadedModels
  readonly metrics: CacheMetrics
  readonly log: Logger
  /** How long a request waits for its version at most. */
  readonly waitMs: number
  /** What the registry said is asked again after so long, beside what events tell. */
  readonly lookAgainMs: number
}

/** Versions that no deployment serves by default. */
export interface VersionsOnDemand {
  /**
   * What `reference` (a version, or `@` and an alias) of the model means, in memory: at once where it is there, else when it has been loaded. NOT_FOUND where the registry has
   * no such thing, MODEL_NOT_READY where loading takes too long, OVERLOADED, or why it cannot be served.
   */
  target(model: string, reference: string): Target | Promise<Target>
  /** What `target` would have at once; asking does not count as use. */
  peek(model: string, reference: string): LoadedModel | undefined
}

interface Known {
  found: VersionFound
  /** When the registry said so. */
  at: number
  looking: boolean
}

const KNOWN_KEPT = 2000
/** Requests that wait for versions to be loaded, all together: each holds its body. */
const WAITING_AT_ONCE = 256
/** How long a failure is answered again without another try. */
const FAILED_MS = { NOT_FOUND: 5000, final: 30_000, passing: 1000 } as const

/** Finds versions in the registry when they are asked for, loads each once, and remembers for a while what could not be had. */
export class OnDemand implements VersionsOnDemand {
  readonly #options: OnDemandOptions
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_KEPT })
  readonly #failed = new LRUCache<string, MillraceError>({ max: KNOWN_KEPT })
  readonly #bringing = new Map<string, Promise<Target>>()
  #waiting = 0

  constructor(options: OnDemandOptions) {
    this.#options = options
  }

  target(model: string, reference: string): Target | Promise<Target> {
    const { loaded, metrics, lookAgainMs } = this.#options
    const key = keyOf(model, reference)
    const known = this.#known.get(key)
    const present = known && loaded.get(model, known.found)
    if (present) {
      metrics.asked('hit')
      if (performance.now() - known.at > lookAgainMs) void this.#lookAgain(model, reference, known)
      return targetOf(present, reference)
    }
    if (!isVersion(reference) && !isAlias(reference)) throw absent(model, reference)
    const failure = this.#failed.get(key)
    if (failure) throw failure
    metrics.asked('miss')
    return this.#wait(model, reference, this.#bring(model, reference))
  }

  peek(model: string, reference: string): LoadedModel | undefined {
    const known = this.#known.peek(keyOf(model, reference))
    return known && this.#options.loaded.peek(model, known.found)
  }

  /** The registry has changed: what it said of the model, or of this alias alone, holds no longer. What is in memory answers until the new is there too. */
  changed(model: string, alias?: string): void {
    const concerns = (key: string) => (alias === undefined ? key.startsWith(`${model}\n`) : key === keyOf(model, `@${alias}`))
    for (const key of [...this.#failed.keys()].filter(concerns)) this.#failed.delete(key)
    for (const key of [...this.#known.keys()].filter(concerns)) {
      const known = this.#known.peek(key)
      if (known) void this.#lookAgain(model, key.slice(model.length + 1), known)
    }
  }

  /** Forgets what was known of the model, and resolves when `reference` is in memory as the registry has it now; other versions of it go. Throws why it cannot be served. */
  async renew(model: string, reference: string): Promise<void> {
    const { loaded } = this.#options
    const old = loaded.models.filter(({ name }) => name === model)
    await this.#forget(model)
    const { model: renewed } = await this.#bring(model, reference)
    for (const one of old) if (one !== renewed && !this.#isReferredTo(model, one.version)) loaded.drop(one)
  }

  /** What of the model no alias of a deployment points at leaves memory. */
  async unload(model: string): Promise<void> {
    await this.#forget(model)
    for (const one of this.#options.loaded.models) if (one.name === model) this.#options.loaded.drop(one)
  }

  /** Once what is being loaded of it is there. */
  async #forget(model: string): Promise<void> {
    const concerns = (key: string) => key.startsWith(`${model}\n`)
    await Promise.allSettled([...this.#bringing].flatMap(([key, bringing]) => (concerns(key) ? [bringing] : [])))
    for (const key of [...this.#failed.keys()].filter(concerns)) this.#failed.delete(key)
    for (const key of [...this.#known.keys()].filter(concerns)) this.#known.delete(key)
  }

  async #wait(model: string, reference: string, bringing: Promise<Target>): Promise<Target> {
    const late = () => new MillraceError('MODEL_NOT_READY', `${nameOf(model, reference)} is being loaded; try again`)
    // Its failure is remembered, for whoever asks next.
    bringing.catch(() => undefined)
    if (this.#waiting >= WAITING_AT_ONCE) throw late()
    this.#waiting++
    let timer: NodeJS.Timeout | undefined
    try {
      const patience = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(late()), this.#options.waitMs)))
      return await Promise.race([bringing, patience])
    } finally {
      clearTimeout(timer)
      this.#waiting--
    }
  }

  #bring(model: string, reference: string): Promise<Target> {
    const key = keyOf(model, reference)
    const bringing = this.#bringing.get(key)
    if (bringing) return bringing
    const made = this.#load(model, reference).finally(() => this.#bringing.delete(key))
    this.#bringing.set(key, made)
    return made
  }

  async #load(model: string, reference: string): Promise<Target> {
    const key = keyOf(model, reference)
    try {
      const found = await this.#ask(model, reference)
      if (found === null) throw this.#options.registry.absence?.(model) ?? absent(model, reference)
      const loaded = await this.#options.loaded.load(model, found, { room: true })
      this.#known.set(key, { found, at: performance.now(), looking: false })
      return targetOf(loaded, reference)
    } catch (error) {
      const known = describe(error, nameOf(model, reference))
      this.#failed.set(key, known, { ttl: known.code === 'NOT_FOUND' ? FAILED_MS.NOT_FOUND : isFinal(error) ? FAILED_MS.final : FAILED_MS.passing })
      throw known
    }
  }

  /** Asks the registry again; another version is loaded before it answers, and one that cannot be changes nothing. */
  async #lookAgain(model: string, reference: string, known: Known): Promise<void> {
    if (known.looking) return
    const { loaded, log } = this.#options
    known.looking = true
    try {
      const found = await this.#ask(model, reference)
      const old = loaded.get(model, known.found)
      if (found === null) this.#known.delete(keyOf(model, reference))
      else if (found.version !== known.found.version || found.identity !== known.found.identity) {
        if (old) await loaded.load(model, found, { room: true })
        known.found = found
      }
      if (old && !this.#isReferredTo(model, old.version)) loaded.drop(old)
    } catch (error) {
      log.warn({ model, reference, reason: errorMessage(error) }, 'what the registry says of a version could not be taken over; what is in memory goes on')
    } finally {
      known.at = performance.now()
      known.looking = false
    }
  }

  #isReferredTo(model: string, version: string): boolean {
    for (const [key, { found }] of this.#known.entries()) if (key.startsWith(`${model}\n`) && found.version === version) return true
    return false
  }

  #ask(model: string, reference: string): Promise<VersionFound | null> {
    const { registry } = this.#options
    return reference.startsWith('@') ? registry.alias(model, reference.slice(1)) : registry.version(model, reference)
  }
}

function targetOf(model: Target['model'], reference: string): Target {
  return { model, alias: reference.startsWith('@') ? reference.slice(1) : `versions/${reference}`, chosen: true }
}

function keyOf(model: string, reference: string): string {
  return `${model}\n${reference}`
}

function nameOf(model: string, reference: string): string {
  return reference.startsWith('@') ? `${model}${reference}` : `version ${reference} of ${model}`
}

function absent(model: string, reference: string): MillraceError {
  return new MillraceError('NOT_FOUND', reference.startsWith('@') ? `there is no alias ${reference.slice(1)} of ${model}` : `there is no version ${reference} of ${model}`)
}

/** An error of the registry is not the caller's fault, whatever its status. */
function describe(error: unknown, name: string): MillraceError {
  if (error instanceof MillraceError && !PASSING.has(error.code)) return error
  return new MillraceError('MODEL_NOT_READY', `${name} cannot be loaded now: ${errorMessage(error)}`, { cause: error })
}

const PASSING: ReadonlySet<string> = new Set(['UPSTREAM_FAILED', 'TIMEOUT', 'UNAVAILABLE'])

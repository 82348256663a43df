import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { readArtifact } from '../runtime/artifact.ts'
import { giveWay } from '../runtime/give-way.ts'
import { type LoadOptions, LoadedModel } from '../runtime/model.ts'
import { USUAL_BYTES } from '../runtime/side/process.ts'
import type { CacheMetrics } from './cache-metrics.ts'
import type { ModelStore } from './model-cache.ts'
import type { VersionFound } from './registry.ts'

export interface LoadedModelsOptions {
  readonly store: ModelStore
  readonly maxBytes: number
  /** Whether an alias of a deployment points at it: then it stays, whatever memory it takes. */
  readonly pinned: (model: LoadedModel) => boolean
  /** In how many processes one that stays is held. */
  readonly copies: (model: LoadedModel) => number
  readonly settings: (model: string) => LoadOptions
  readonly metrics: CacheMetrics
  /** Aborted by `stop`. */
  readonly stop: AbortController
}

interface Entry {
  readonly model: LoadedModel
  readonly identity: string
  /** In this process, without its thread. */
  readonly bytes: number
}

/** ONNX Runtime holds the weights as the file has them and again as its kernels want them; the rest is for the session itself. */
const COPIES = 2
const SESSION_BYTES = 1024 * 1024
/** The heap of a thread and what Node and ONNX Runtime keep for it. */
const THREAD_BYTES = 24 * 1024 * 1024
/** Versions loaded at a time for requests that ask for them; those of aliases do not wait. */
const LOADS_AT_ONCE = 2
const LOADS_WAITING = 64

/**
 * The versions in memory, each loaded once however many ask for it, least recently asked for first. Those that no alias of a deployment points at share what is left of
 * `maxBytes`, and go when others need it, but not while a request runs on them.
 */
export class LoadedModels {
  readonly #options: LoadedModelsOptions
  readonly #entries = new Map<string, Entry>()
  readonly #loading = new Map<string, Promise<LoadedModel>>()
  readonly #turns: (() => void)[] = []
  /** What somebody is about to point an alias at, by `identityOf`, and how many are: it stays, too. */
  readonly #held = new Map<string, number>()
  /** No longer in memory for new requests, but still for some that run: they may need their files. */
  readonly #leaving = new Set<LoadedModel>()
  #loads = 0
  #reserved = 0

  constructor(options: LoadedModelsOptions) {
    this.#options = options
  }

  get bytes(): number {
    let bytes = this.#reserved
    for (const entry of this.#entries.values()) bytes += this.#bytesOf(entry)
    return bytes
  }

  /** Memory of each version, estimated. */
  get sizes(): readonly { readonly model: LoadedModel; readonly bytes: number }[] {
    return [...this.#entries.values()].map((entry) => ({ model: entry.model, bytes: this.#bytesOf(entry) }))
  }

  /** What is in memory, least recently asked for first. */
  get models(): readonly LoadedModel[] {
    return [...this.#entries.values()].map(({ model }) => model)
  }

  /** What is being loaded. */
  get loading(): readonly { readonly model: string; readonly version: string }[] {
    return [...this.#loading.keys()].map((key) => {
      const [model = '', version = ''] = key.split('\n')
      return { model, version }
    })
  }

  /** As `get`, but asking does not count as use. */
  peek(model: string, { version, identity }: VersionFound): LoadedModel | undefined {
    const entry = this.#entries.get(`${model}\n${version}`)
    return entry?.identity === identity ? entry.model : undefined
  }

  get(model: string, { version, identity }: VersionFound): LoadedModel | undefined {
    const key = `${model}\n${version}`
    const entry = this.#entries.get(key)
    if (entry?.identity !== identity) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.model
  }

  /**
   * The version, from memory or loaded. With `room`, only where it fits beside the others: OVERLOADED where those that could go are busy or too many loads wait,
   * MODEL_INVALID where it never will.
   */
  load(model: string, found: VersionFound, { room }: { readonly room: boolean }): Promise<LoadedModel> {
    const known = this.get(model, found)
    if (known) return Promise.resolve(known)
    const key = identityOf(model, found)
    const loading = this.#loading.get(key)
    if (loading) return loading
    const made = (room ? this.#inTurn(() => this.#load(model, found, true)) : this.#load(model, found, false)).finally(() => this.#loading.delete(key))
    this.#loading.set(key, made)
    return made
  }

  /** `use` gets the version, from memory or loaded, whatever memory it takes; until `use` has ended nothing makes it go. */
  async holding(model: string, found: VersionFound, use: (loaded: LoadedModel) => Promise<void>): Promise<void> {
    const key = identityOf(model, found)
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
    try {
      await use(await this.load(model, found, { room: false }))
    } finally {
      const others = (this.#held.get(key) ?? 1) - 1
      if (others > 0) this.#held.set(key, others)
      else this.#held.delete(key)
    }
  }

  /** The version on this machine's disk, loaded; null where it is not there. */
  async restore(model: string, found: VersionFound): Promise<LoadedModel | null> {
    return this.#options.store.find(model, found) === null ? null : this.load(model, found, { room: false })
  }

  /** Nobody needs it any more, unless an alias still points at it, or is about to. */
  drop(model: LoadedModel): void {
    const key = `${model.name}\n${model.version}`
    const entry = this.#entries.get(key)
    if (entry?.model === model ? this.#stays(entry) : this.#options.pinned(model)) return
    if (entry?.model === model) this.#entries.delete(key)
    // Another of the same number may have taken its place.
    if (!this.#entries.has(key)) this.#options.metrics.forget(model.name, model.version)
    if (model.users > 0) this.#leaving.add(model)
    model.retire()
  }

  /** Versions of the model that are needed on disk. */
  inUse(model: string): ReadonlySet<string> {
    for (const one of this.#leaving) if (one.users === 0) this.#leaving.delete(one)
    return new Set([...[...this.models, ...this.#leaving].filter(({ name }) => name === model), ...this.loading.filter((one) => one.model === model)].map(({ version }) => version))
  }

  /** Nothing is loaded any more, and what is in memory goes. */
  stop(): void {
    this.#options.stop.abort()
    for (const { model } of this.#entries.values()) model.retire()
    this.#entries.clear()
  }

  async #inTurn(load: () => Promise<LoadedModel>): Promise<LoadedModel> {
    if (this.#turns.length >= LOADS_WAITING) throw new MillraceError('OVERLOADED', `${this.#turns.length} versions are waiting to be loaded; try again`)
    if (this.#loads >= LOADS_AT_ONCE) await new Promise<void>((resolve) => this.#turns.push(resolve))
    else this.#loads++
    try {
      return await load()
    } finally {
      const next = this.#turns.shift()
      if (next) next()
      else this.#loads--
    }
  }

  async #load(name: string, found: VersionFound, room: boolean): Promise<LoadedModel> {
    const { store, metrics, settings, stop } = this.#options
    const started = performance.now()
    // An alias that is about to point at it takes what room it needs, also where a request asked for it first.
    const fits = (): boolean => !room || this.#held.has(identityOf(name, found))
    try {
      const folder = await store.ensure(name, found, stop.signal)
      const loading = { ...settings(name), ...store.loadOptions(name) }
      await giveWay()
      const artifact = readArtifact(folder, loading.file)
      const aside = artifact.python !== null
      const estimate = aside ? USUAL_BYTES : COPIES * sizeOf(folder) + SESSION_BYTES
      if (!fits()) this.#makeRoom(name, found.version, estimate)
      this.#reserved += estimate
      const alone = this.#loading.size <= 1
      const before = process.memoryUsage.rss()
      try {
        const model = await LoadedModel.load(name, found.version, artifact, loading)
        const measured = alone ? process.memoryUsage.rss() - before : 0
        // Other work of the process moves its memory, too: a measurement counts only within reason.
        this.#keep(model, found, aside ? SESSION_BYTES : Math.min(Math.max(estimate, measured), 4 * estimate))
        if (aside && !fits()) this.#fit(model)
        metrics.loaded(name, found.version, (performance.now() - started) / 1000)
        return model
      } finally {
        this.#reserved -= estimate
      }
    } catch (error) {
      if (!stop.signal.aborted) metrics.failedToLoad((performance.now() - started) / 1000)
      throw error
    } finally {
      if (room) this.#tidy(name)
    }
  }

  /** What was loaded on demand leaves its files behind, of many models: those that nobody needs are bounded. */
  #tidy(name: string): void {
    const { store } = this.#options
    store.prune(name, this.inUse(name))
    store.pruneModels((model) => this.inUse(model))
  }

  #keep(model: LoadedModel, { version, identity }: VersionFound, bytes: number): void {
    const key = `${model.name}\n${version}`
    const other = this.#entries.get(key)
    this.#entries.delete(key)
    this.#entries.set(key, { model, identity, bytes })
    // Of the same number, but another: the model was deleted and made again.
    if (other && !this.#stays(other)) other.model.retire()
  }

  /** What a process takes is known once it is there. MODEL_INVALID where it never fits beside what is deployed; else others go that nobody uses. */
  #fit(model: LoadedModel): void {
    const { maxBytes, metrics } = this.#options
    const others = [...this.#entries.values()].filter((entry) => entry.model !== model)
    const staying = this.#staying(others)
    if (staying + model.bytesElsewhere > maxBytes) {
      this.drop(model)
      throw tooLarge(`${model.name} version ${model.version} takes ${mebibytes(model.bytesElsewhere)} MiB`, staying, maxBytes)
    }
    for (const entry of others) {
      if (this.bytes - this.#reserved <= maxBytes) return
      if (entry.model.users > 0 || this.#stays(entry)) continue
      metrics.evicted()
      this.drop(entry.model)
    }
  }

  #makeRoom(name: string, version: string, needed: number): void {
    const { maxBytes, metrics } = this.#options
    const what = `${name} version ${version} takes about ${mebibytes(needed)} MiB`
    const staying = this.#staying([...this.#entries.values()])
    if (staying + needed > maxBytes) throw tooLarge(what, staying, maxBytes)
    for (const entry of this.#entries.values()) {
      if (this.bytes + needed <= maxBytes) return
      if (entry.model.users > 0 || this.#stays(entry)) continue
      metrics.evicted()
      this.drop(entry.model)
    }
    if (this.bytes + needed > maxBytes) throw new MillraceError('OVERLOADED', `${what}, and the other versions are busy; try again`)
  }

  #stays({ model, identity }: Entry): boolean {
    return this.#options.pinned(model) || this.#held.has(identityOf(model.name, { version: model.version, identity }))
  }

  #staying(entries: readonly Entry[]): number {
    return entries.reduce((sum, entry) => sum + (this.#stays(entry) ? this.#bytesOf(entry) : 0), 0)
  }

  #bytesOf(entry: Entry): number {
    const { model, bytes } = entry
    return (bytes + (model.place === 'thread' ? THREAD_BYTES : 0) + model.bytesElsewhere) * (this.#stays(entry) ? this.#options.copies(model) : 1)
  }
}

function identityOf(model: string, { version, identity }: VersionFound): string {
  return `${model}\n${version}\n${identity}`
}

function tooLarge(what: string, staying: number, maxBytes: number): MillraceError {
  return new MillraceError('MODEL_INVALID', `${what}, and ${mebibytes(staying)} of ${mebibytes(maxBytes)} MiB are taken by what is deployed; raise on_demand.max_bytes, or deploy it`)
}

/** Bytes of all files below the folder. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce((sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0), 0)
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024)
}

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError, errnoCode } from '../../platform/errors/index.ts'
import { insideRoot } from '../../platform/fs/index.ts'
import type { LoadOptions } from '../runtime/model.ts'
import type { ModelStore } from './model-cache.ts'
import { isModelName } from './reference.ts'
import type { ModelRegistry, VersionFound } from './registry.ts'
import { readTritonConfig } from './triton-config.ts'

/** The one alias that models of a repository have: its newest version. */
export const LATEST = 'latest'

/**
 * A folder of models in Triton's layout (triton-inference-server/server: docs/user_guide/model_repository.md): `NAME/VERSION/model.onnx`, with
 * `NAME/config.pbtxt` where there is one. It stands in for the registry, and its files are served where they lie.
 */
export class ModelRepository implements ModelRegistry, ModelStore {
  readonly #folder: string
  readonly #unloaded = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Models in the folder, by name. CONFIG_INVALID where there is no such folder. */
  models(): readonly string[] {
    try {
      return readdirSync(this.#folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(({ name }) => name)
        .toSorted()
    } catch (error) {
      if (errnoCode(error) === 'ENOENT' || errnoCode(error) === 'ENOTDIR') throw new MillraceError('CONFIG_INVALID', `model_repository: there is no folder ${this.#folder}`)
      throw error
    }
  }

  has(model: string): boolean {
    return isModelName(model) && statSync(this.#folderOf(model), { throwIfNoEntry: false })?.isDirectory() === true
  }

  /** Whether it was told to leave the model alone. */
  setLoaded(model: string, loaded: boolean): void {
    if (loaded) this.#unloaded.delete(model)
    else this.#unloaded.add(model)
  }

  async alias(model: string, alias: string): Promise<VersionFound | null> {
    if (this.#unloaded.has(model) || alias !== LATEST || !this.has(model)) return null
    const folder = this.#folderOf(model)
    const { file, versions } = readTritonConfig(folder)
    const [newest] = this.#versions(folder)
      .filter((version) => versions === undefined || versions.includes(version))
      .toSorted((a, b) => Number(b) - Number(a))
    if (newest === undefined) throw new MillraceError('MODEL_INVALID', `${model} has no version${versions ? ` among ${versions.join(', ')}` : ''}: expected ${model}/1/${file}`)
    return describe(folder, newest, file)
  }

  async version(model: string, version: string): Promise<VersionFound | null> {
    if (this.#unloaded.has(model) || !this.has(model)) return null
    const folder = this.#folderOf(model)
    const { file, versions } = readTritonConfig(folder)
    const served = this.#versions(folder).includes(version) && (versions === undefined || versions.includes(version))
    return served ? describe(folder, version, file) : null
  }

  absence(model: string): MillraceError | null {
    return this.#unloaded.has(model) ? new MillraceError('MODEL_UNLOADED', `${model} was unloaded; POST /v2/repository/models/${model}/load loads it again`) : null
  }

  download(): Promise<void> {
    return Promise.reject(new MillraceError('INTERNAL', 'models of a repository are served where they lie'))
  }

  find(model: string, { version }: VersionFound): string | null {
    const folder = join(this.#folderOf(model), version)
    return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? folder : null
  }

  async ensure(model: string, found: VersionFound): Promise<string> {
    const folder = this.find(model, found)
    if (folder === null) throw new MillraceError('MODEL_INVALID', `version ${found.version} of ${model} is gone`)
    return folder
  }

  prune(): void {
    // What lies in the folder is not ours to remove.
  }

  pruneModels(): void {
    // Nor is it here.
  }

  loadOptions(model: string): LoadOptions {
    const { file, maxBatchSize } = readTritonConfig(this.#folderOf(model))
    return { file, ...(maxBatchSize === undefined ? {} : { maxBatchSize }) }
  }

  #versions(folder: string): readonly string[] {
    try {
      return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() && /^[1-9]\d{0,15}$/.test(entry.name) ? [entry.name] : []))
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return []
      throw error
    }
  }

  #folderOf(model: string): string {
    return insideRoot(this.#folder, model)
  }
}

function describe(folder: string, version: string, file: string): VersionFound {
  try {
    // The folder of an artifact as MLflow lays it out may have its file elsewhere.
    const { mtimeMs, size } = statSync(insideRoot(join(folder, version), file))
    return { version, identity: `${mtimeMs} ${size}` }
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error
    return { version, identity: String(statSync(join(folder, version)).mtimeMs) }
  }
}

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { errnoCode, toMillraceError } from '../../platform/errors/index.ts'
import { syncFolder, writeFileDurable } from '../../platform/fs/index.ts'
import type { LoadOptions } from '../runtime/model.ts'
import type { ModelRegistry, VersionFound } from './registry.ts'

/** Names the version that a folder holds; written last, so a folder that has it is whole. */
const IDENTITY_FILE = '.identity'
/** Versions kept of each model beside those in use, so that going back needs no download. */
const SPARE_VERSIONS = 5
/** Models of which versions are kept that are not in use. */
const SPARE_MODELS = 100

/** Where the files of model versions are. */
export interface ModelStore {
  /** The folder of a version that is here, null if it is not. */
  find(model: string, found: VersionFound): string | null
  /** The folder of a version, brought here if it is not, until `stop` aborts. */
  ensure(model: string, found: VersionFound, stop: AbortSignal): Promise<string>
  /** Removes versions that nobody needs. */
  prune(model: string, inUse: ReadonlySet<string>): void
  /** The same for models that nobody asked for in a long time: few of them keep any version that is not in use. */
  pruneModels(inUse: (model: string) => ReadonlySet<string>): void
  loadOptions(model: string): LoadOptions
}

/** Model versions on this machine: `FOLDER/MODEL/VERSION/`, each put in place by one rename. */
export class ModelCache implements ModelStore {
  readonly #folder: string
  readonly #registry: ModelRegistry

  constructor(folder: string, registry: ModelRegistry) {
    this.#folder = folder
    this.#registry = registry
    mkdirSync(folder, { recursive: true })
    for (const name of readdirSync(folder)) if (name.startsWith('.')) rmSync(join(folder, name), { recursive: true, force: true })
  }

  find(model: string, { version, identity }: VersionFound): string | null {
    const folder = this.#folderOf(model, version)
    try {
      return readFileSync(join(folder, IDENTITY_FILE), 'utf8') === identity ? folder : null
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return null
      throw toMillraceError(error, `reading the model cache ${folder}`)
    }
  }

  async ensure(model: string, found: VersionFound, stop: AbortSignal): Promise<string> {
    const present = this.find(model, found)
    if (present !== null) return present
    const folder = this.#folderOf(model, found.version)
    const temporary = join(this.#folder, `.${randomBytes(6).toString('hex')}`)
    try {
      mkdirSync(temporary)
      await this.#registry.download(model, found.version, temporary, stop)
      writeFileDurable(join(temporary, IDENTITY_FILE), found.identity)
      mkdirSync(join(folder, '..'), { recursive: true })
      rmSync(folder, { recursive: true, force: true })
      renameSync(temporary, folder)
      syncFolder(join(folder, '..'))
      return folder
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true })
      throw error
    }
  }

  /** Removes versions that are neither in use nor among the newest. */
  prune(model: string, inUse: ReadonlySet<string>): void {
    const folder = join(this.#folder, safeName(model))
    if (!existsSync(folder)) return
    const spare = readdirSync(folder)
      .filter((name) => !inUse.has(name))
      .map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }))
      .sort((a, b) => b.time - a.time)
    for (const { name } of spare.slice(SPARE_VERSIONS)) this.#remove(join(folder, name))
  }

  pruneModels(inUse: (model: string) => ReadonlySet<string>): void {
    const models = readdirSync(this.#folder).filter((name) => !name.startsWith('.'))
    if (models.length <= SPARE_MODELS) return
    const idle = models
      .map((name) => ({ folder: join(this.#folder, name), used: inUse(decodeURIComponent(name)) }))
      .filter(({ used }) => used.size === 0)
      .map(({ folder }) => ({ folder, time: statSync(folder).mtimeMs }))
      .sort((a, b) => b.time - a.time)
    for (const { folder } of idle.slice(SPARE_MODELS)) this.#remove(folder)
  }

  /** In one step: a version of which only a part is there must not look whole after a kill. */
  #remove(folder: string): void {
    const leaving = join(this.#folder, `.${randomBytes(6).toString('hex')}`)
    renameSync(folder, leaving)
    rmSync(leaving, { recursive: true, force: true })
  }

  loadOptions(): LoadOptions {
    return {}
  }

  #folderOf(model: string, version: string): string {
    return join(this.#folder, safeName(model), safeName(version))
  }
}

/** Any name as one part of a path: percent-encoded, dots at the start too. */
function safeName(name: string): string {
  return encodeURIComponent(name).replace(/^\./, '%2E')
}

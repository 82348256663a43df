import { join, normalize } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { isPyMap, type PyKey, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { readParamsFile, valueAt } from './params.ts'

/** The names that templates of one dvc.yaml may use: params.yaml beside it, then its `vars`, then a stage's own. Immutable. */
export class Variables {
  readonly #root: string
  readonly #values: PyMap
  readonly #sources: ReadonlyMap<string, string>
  /** File to the keys loaded of it, or null for all. */
  readonly #loaded: ReadonlyMap<string, readonly string[] | null>

  private constructor(root: string, values: PyMap, sources: ReadonlyMap<string, string>, loaded: ReadonlyMap<string, readonly string[] | null>) {
    this.#root = root
    this.#values = values
    this.#sources = sources
    this.#loaded = loaded
  }

  /** `folder` is that of dvc.yaml, relative to the project's `root`. */
  static of(root: string, folder: string): Variables {
    const none = new Variables(root, new Map(), new Map(), new Map())
    const file = join(folder, 'params.yaml')
    return readParamsFile(join(root, file), file) ? none.#loadFile('params.yaml', folder, file) : none
  }

  /** Adds a `vars` section. Files count from `folder`. Throws DVC_FILE_INVALID for a name that is set twice, or a missing file or key. */
  with(vars: readonly PyValue[], folder: string, where: string): Variables {
    return vars.reduce<Variables>((names, item, index) => {
      if (typeof item === 'string') return names.#loadFile(item, folder, where)
      return isPyMap(item) ? names.#merge(item, `${where} vars[${index}]`, where) : names
    }, this)
  }

  /** For the iterations of `foreach` and `matrix`: these hide others of the same name. */
  hiding(values: PyMap): Variables {
    return new Variables(this.#root, new Map([...this.#values, ...values]), this.#sources, this.#loaded)
  }

  get(path: readonly string[]): PyValue | undefined {
    return valueAt(this.#values, path)
  }

  #loadFile(item: string, folder: string, where: string): Variables {
    const colon = item.indexOf(':')
    const file = normalize(join(folder, colon < 0 ? item : item.slice(0, colon)))
    const keys = colon < 0 ? null : item.slice(colon + 1).split(',').filter((key) => key !== '')
    const before = this.#loaded.get(file)
    if (before === null && keys === null) return this
    if (before !== undefined && (before === null || keys === null || keys.some((key) => before.includes(key)))) {
      throw new MillraceError('DVC_FILE_INVALID', `${where}: vars: ${item} is loaded already, in whole or in part`)
    }
    const content = readParamsFile(join(this.#root, file), file)
    if (!content) throw new MillraceError('DVC_FILE_INVALID', `${where}: vars: ${file} does not exist`)
    const merged = this.#merge(keys === null ? content : pick(content, keys, file, where), file, where)
    const loaded = new Map([...this.#loaded, [file, keys === null ? null : [...(before ?? []), ...keys]] as const])
    return new Variables(this.#root, merged.#values, merged.#sources, loaded)
  }

  #merge(update: PyMap, source: string, where: string): Variables {
    const sources = new Map(this.#sources)
    const values = mergeInto(this.#values, update, [], source, sources, where)
    return new Variables(this.#root, values, sources, this.#loaded)
  }
}

function pick(content: PyMap, keys: readonly string[], file: string, where: string): PyMap {
  return new Map(keys.map((key): [PyKey, PyValue] => {
    const value = content.get(key)
    if (value === undefined) throw new MillraceError('DVC_FILE_INVALID', `${where}: vars: there is no ${key} in ${file}`)
    return [key, value]
  }))
}

function mergeInto(into: PyMap, update: PyMap, path: readonly string[], source: string, sources: Map<string, string>, where: string): PyMap {
  const out = new Map(into)
  for (const [key, value] of update) {
    const here = [...path, String(key)]
    const present = out.get(key)
    if (isPyMap(present) && isPyMap(value)) {
      out.set(key, mergeInto(present, value, here, source, sources, where))
      continue
    }
    if (out.has(key)) {
      const owner = here.map((_, i) => sources.get(here.slice(0, here.length - i).join('.'))).find((found) => found !== undefined)
      throw new MillraceError('DVC_FILE_INVALID', `${where}: ${here.join('.')} of ${source} is set already in ${owner ?? 'another source'}`)
    }
    out.set(key, value)
    sources.set(here.join('.'), source)
  }
  return out
}

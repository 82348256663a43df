import { existsSync, readFileSync } from 'node:fs'
import { isMap, isScalar, type ParsedNode } from 'yaml'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { compareCodePoints, isPyList, isPyMap, pyEquals, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { checkShape } from '../versioning/formats/shape.ts'
import { readYaml } from '../versioning/formats/yaml-read.ts'
import { writeYaml } from '../versioning/formats/yaml-write.ts'
import { LockFileShape } from './schema.ts'

export interface LockItem {
  readonly name: string
  readonly oid: string
  readonly size?: number
  readonly nfiles?: number
  readonly isexec?: boolean
  readonly legacy?: boolean
}

/** What a stage was when it last ran: the entry of dvc.lock. */
export interface LockEntry {
  readonly cmd: string | readonly string[]
  readonly deps: readonly LockItem[]
  /** By file, then by key; a file that is tracked whole has all its top-level keys. */
  readonly params: ReadonlyMap<string, PyMap>
  readonly outs: readonly LockItem[]
}

/** The entry as DVC writes it: deps and outs by path; params.yaml before other files, keys by name; absent parts left out. */
export function entryToPy(entry: LockEntry): PyMap {
  const byName = (items: readonly LockItem[]) => items.toSorted((a, b) => compareCodePoints(a.name, b.name)).map(itemToPy)
  const files = [...entry.params].toSorted(([a], [b]) => Number(b === 'params.yaml') - Number(a === 'params.yaml') || compareCodePoints(a, b))
  const params = files.map(([file, values]): [string, PyValue] => [file, new Map([...values].toSorted(([a], [b]) => compareCodePoints(String(a), String(b))))])
  const parts: [string, PyValue][] = [['cmd', entry.cmd]]
  if (entry.deps.length > 0) parts.push(['deps', byName(entry.deps)])
  if (params.length > 0) parts.push(['params', new Map(params)])
  if (entry.outs.length > 0) parts.push(['outs', byName(entry.outs)])
  return new Map(parts)
}

function itemToPy(item: LockItem): PyMap {
  const parts: [string, PyValue | undefined][] = [
    ['path', item.name],
    ['hash', item.legacy ? undefined : 'md5'],
    ['md5', item.oid],
    ['size', item.size],
    ['nfiles', item.nfiles],
    ['isexec', item.isexec ? true : undefined],
  ]
  return new Map(parts.flatMap(([key, value]): [string, PyValue][] => (value === undefined ? [] : [[key, value]])))
}

/** The same from a parsed entry whose shape has been checked. Items of other file systems (etag instead of md5) are left out: they count as changed. */
export function entryFromPy(value: PyMap): LockEntry {
  const cmd = value.get('cmd')
  const params = value.get('params')
  return {
    cmd: isPyList(cmd) ? cmd.map(String) : String(cmd),
    deps: itemsFromPy(value.get('deps')),
    params: new Map(isPyMap(params) ? [...params].map(([file, values]) => [String(file), isPyMap(values) ? values : new Map()]) : []),
    outs: itemsFromPy(value.get('outs')),
  }
}

function itemsFromPy(value: PyValue | undefined): readonly LockItem[] {
  if (!isPyList(value)) return []
  return value.flatMap((item): LockItem[] => {
    if (!isPyMap(item)) return []
    const [name, oid, size, nfiles] = ['path', 'md5', 'size', 'nfiles'].map((key) => item.get(key))
    if (typeof name !== 'string' || typeof oid !== 'string') return []
    return [{
      name, oid, isexec: item.get('isexec') === true, legacy: !item.has('hash'),
      ...(typeof size === 'number' ? { size } : {}), ...(typeof nfiles === 'number' ? { nfiles } : {}),
    }]
  })
}

/**
 * A dvc.lock. It is kept as text, and a change replaces only the lines of the one stage (or adds them at the end): comments and the order of
 * the others stay, and fifty stages cost fifty small edits, where DVC writes the whole file anew each time.
 */
export class LockFile {
  readonly file: string
  readonly #name: string
  #text: string
  #entries: ReadonlyMap<string, LockEntry>
  #raw: ReadonlyMap<string, PyMap>

  /** Throws DVC_FILE_INVALID. `name` is for messages. */
  constructor(file: string, name: string) {
    this.file = file
    this.#name = name
    this.#text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    this.#raw = this.#parse()
    this.#entries = new Map([...this.#raw].map(([stage, entry]) => [stage, entryFromPy(entry)]))
  }

  get(stage: string): LockEntry | undefined {
    return this.#entries.get(stage)
  }

  /** Writes the entry to disk (atomically, flushed) unless the same is there. Answers whether it did. */
  set(stage: string, entry: LockEntry): boolean {
    const value = entryToPy(entry)
    const before = this.#raw.get(stage)
    if (before !== undefined && pyEquals(before, value)) return false
    const text = this.#patched(stage, value)
    writeFileDurable(this.file, text)
    this.#text = text
    this.#raw = new Map([...this.#raw, [stage, value]])
    this.#entries = new Map([...this.#entries, [stage, entry]])
    return true
  }

  #parse(): ReadonlyMap<string, PyMap> {
    if (this.#text.trim() === '') return new Map()
    const yaml = readYaml(this.#text, this.#name)
    checkShape(LockFileShape, yaml)
    const stages = isPyMap(yaml.value) ? yaml.value.get('stages') : undefined
    return new Map(isPyMap(stages) ? [...stages].flatMap(([stage, entry]): [string, PyMap][] => (isPyMap(entry) ? [[String(stage), entry]] : [])) : [])
  }

  #patched(stage: string, value: PyMap): string {
    const block = (indent: number) => writeYaml(new Map([[stage, value]]), indent)
    if (this.#text.trim() === '') return `schema: '2.0'\nstages:\n${block(2)}`
    const yaml = readYaml(this.#text, this.#name)
    const stages = yaml.document.get('stages', true)
    if (!isMap<ParsedNode, ParsedNode | null>(stages) || stages.flow || stages.items.length === 0) return this.#rewritten(stage, value)
    const starts = stages.items.map((pair) => pair.key.range[0])
    const indent = (starts[0] ?? 0) - (this.#text.lastIndexOf('\n', (starts[0] ?? 0) - 1) + 1)
    const index = stages.items.findIndex((pair) => isScalar(pair.key) && String(pair.key.value) === stage)
    const pair = stages.items[index < 0 ? stages.items.length - 1 : index]
    const end = lineEnd(this.#text, pair?.value?.range?.[1] ?? 0)
    if (index < 0) {
      const lead = this.#text.charAt(end - 1) === '\n' ? '' : '\n'
      return `${this.#text.slice(0, end)}${lead}${block(indent)}${this.#text.slice(end)}`
    }
    return `${this.#text.slice(0, starts[index])}${block(indent).trimStart()}${this.#text.slice(end)}`
  }

  /** For a file without stages, or in flow style: the same content in DVC's own layout. */
  #rewritten(stage: string, value: PyMap): string {
    const { value: file } = readYaml(this.#text, this.#name)
    if (!isPyMap(file)) throw new MillraceError('DVC_FILE_INVALID', `${this.#name}: expected a mapping`)
    const stages = file.get('stages')
    return writeYaml(new Map([...file, ['stages', new Map([...(isPyMap(stages) ? stages : []), [stage, value]])]]))
  }
}

/** A value's range ends where the next line begins, or before a comment or the end of the file. */
function lineEnd(text: string, offset: number): number {
  if (text.charAt(offset - 1) === '\n') return offset
  const newline = text.indexOf('\n', offset)
  return newline < 0 ? text.length : newline + 1
}

import { isAlias, isMap, isScalar, isSeq, type Document, type YAMLMap } from 'yaml'
import type { Problems } from './problems.ts'

/** A value in the file, with where it stands. */
export interface Place {
  readonly value: unknown
  readonly key: string
  readonly offset: number
}

/** What many write beside `logicalType`, where other schema languages have it. */
const OPTIONS: ReadonlySet<string> = new Set(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern', 'format', 'timezone'])

/**
 * The entries of one mapping. Each reader reports what is malformed and answers undefined for it, so that reading goes on; `finish`
 * reports every key that nobody asked for: nothing in a contract is passed over in silence.
 */
export class Fields {
  readonly #map: YAMLMap
  readonly #document: Document
  readonly #known = new Set<string>()
  readonly #problems: Problems
  readonly path: string

  constructor(map: YAMLMap, path: string, document: Document, problems: Problems) {
    this.#map = map
    this.path = path
    this.#document = document
    this.#problems = problems
  }

  get offset(): number {
    return this.#map.range?.[0] ?? 0
  }

  keyPath(key: string): string {
    return this.path === '' || key === '' ? this.path + key : `${this.path}.${key}`
  }

  error(key: string, message: string): undefined {
    this.#problems.error(this.place(key)?.offset ?? this.offset, this.keyPath(key), message)
    return undefined
  }

  warn(key: string, message: string): void {
    this.#problems.warn(this.place(key)?.offset ?? this.offset, this.keyPath(key), message)
  }

  has(key: string): boolean {
    return this.place(key) !== undefined
  }

  /** Undefined where the key is absent; null is a value. */
  place(key: string): Place | undefined {
    this.#known.add(key)
    for (const pair of this.#map.items) {
      if (!isScalar(pair.key) || String(pair.key.value) !== key) continue
      return placeOf(this.#resolve(pair.value), this.keyPath(key), pair.key.range?.[0] ?? this.offset)
    }
    return undefined
  }

  scalar(key: string): string | number | boolean | null | undefined {
    const place = this.place(key)
    if (place === undefined) return undefined
    return isScalar(place.value) && isPlain(place.value.value) ? place.value.value : this.#expected(key, 'a single value', place)
  }

  string(key: string): string | undefined {
    const value = this.scalar(key)
    if (value === undefined || typeof value === 'string') return value
    return this.error(key, `expected text, found ${show(value)}`)
  }

  requireString(key: string): string | undefined {
    if (!this.has(key)) return this.error(key, 'is required here and missing')
    const value = this.string(key)
    return value === '' ? this.error(key, 'expected text, found ""') : value
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T | undefined {
    const value = this.string(key)
    if (value === undefined) return undefined
    return allowed.find((one) => one === value) ?? this.error(key, `expected one of ${allowed.join(', ')}; found ${show(value)}`)
  }

  boolean(key: string): boolean | undefined {
    const value = this.scalar(key)
    return value === undefined || typeof value === 'boolean' ? value : this.error(key, `expected true or false, found ${show(value)}`)
  }

  number(key: string): number | undefined {
    const value = this.scalar(key)
    return value === undefined || isFinite(value) ? value : this.error(key, `expected a number, found ${show(value)}`)
  }

  wholeNumber(key: string, least: number): number | undefined {
    const value = this.number(key)
    if (value === undefined || (Number.isInteger(value) && value >= least)) return value
    return this.error(key, `expected a whole number of at least ${least}, found ${value}`)
  }

  list(key: string): readonly Place[] | undefined {
    const place = this.place(key)
    if (place === undefined) return undefined
    if (!isSeq(place.value)) return this.#expected(key, 'a list', place)
    return place.value.items.map((item, index) => placeOf(this.#resolve(item), `${place.key}[${index}]`, place.offset))
  }

  /** Every item must be a plain value (null included). */
  scalars(key: string): readonly (string | number | boolean | null)[] | undefined {
    const values = this.list(key)?.flatMap((place) => {
      if (isScalar(place.value) && isPlain(place.value.value)) return [place.value.value]
      this.#problems.error(place.offset, place.key, `expected a single value, found ${showPlace(place)}`)
      return []
    })
    return values
  }

  strings(key: string): readonly string[] | undefined {
    return this.scalars(key)?.flatMap((value) => {
      if (typeof value === 'string') return [value]
      this.error(key, `expected a list of texts, found ${show(value)} in it`)
      return []
    })
  }

  fields(key: string): Fields | undefined {
    const place = this.place(key)
    if (place === undefined) return undefined
    return isMap(place.value) ? new Fields(place.value, place.key, this.#document, this.#problems) : this.#expected(key, 'a mapping', place)
  }

  each(key: string): readonly Fields[] {
    return (this.list(key) ?? []).flatMap((place) => {
      if (isMap(place.value)) return [new Fields(place.value, place.key, this.#document, this.#problems)]
      this.#problems.error(place.offset, place.key, `expected a mapping, found ${showPlace(place)}`)
      return []
    })
  }

  /** Keys of the standard that tell people something and ask nothing of the data. */
  documentary(...keys: readonly string[]): void {
    for (const key of keys) this.#known.add(key)
  }

  /** Keys of the standard that do ask something of the data which is not checked here. */
  unchecked(why: string, ...keys: readonly string[]): void {
    for (const key of keys) if (this.has(key)) this.warn(key, `is not checked: ${why}`)
  }

  finish(): void {
    for (const pair of this.#map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : showPlace({ value: pair.key, key: '', offset: 0 })
      if (this.#known.has(key)) continue
      const near = [...this.#known].find((known) => known.toLowerCase() === key.toLowerCase())
      const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? this.offset) : this.offset
      const hint = near !== undefined ? `; did you mean ${near}?` : this.#known.has('logicalTypeOptions') && OPTIONS.has(key) ? '; it belongs inside logicalTypeOptions' : ''
      this.#problems.error(offset, this.keyPath(key), `is not a key of the standard here${hint}`)
    }
  }

  #expected(key: string, what: string, place: Place): undefined {
    return this.error(key, `expected ${what}, found ${showPlace(place)}`)
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node
  }
}

function placeOf(value: unknown, key: string, fallback: number): Place {
  const at = isScalar(value) || isMap(value) || isSeq(value) ? value.range?.[0] : undefined
  return { value, key, offset: at ?? fallback }
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function isFinite(value: unknown): value is number {
  return Number.isFinite(value)
}

export function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}

function showPlace(place: Place): string {
  if (isMap(place.value)) return 'a mapping'
  if (isSeq(place.value)) return 'a list'
  return isScalar(place.value) ? show(place.value.value) : 'nothing'
}

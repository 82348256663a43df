import type { Run, RunInfo } from '../../../src/api/tracking.ts'
import { ask } from '../tracking/ask.ts'
import { type ColumnId, columnId } from '../tracking/keys.ts'
import { type Value, fromDouble } from '../tracking/values.ts'

export interface FeedQuery {
  readonly experimentIds: readonly string[]
  readonly filter: string
  readonly orderBy: readonly string[]
  readonly view: 'ACTIVE_ONLY' | 'DELETED_ONLY'
}

/** A page by column: a value costs an array's slot, not an object. */
interface Page {
  readonly infos: readonly RunInfo[]
  readonly columns: ReadonlyMap<ColumnId, readonly Value[]>
}

interface Place {
  readonly start: number
  readonly count: number
  /** Of the search that gives this page. */
  readonly token: string | undefined
  page: Page | undefined
  usedAt: number
}

interface Found {
  readonly runs?: readonly Run[]
  readonly next_page_token?: string
}

const FIRST_PAGE = 50
const SMALLEST_PAGE = 25
const LARGEST_PAGE = 1000
/** So many values make a page that is asked for and taken apart within a few frames. */
const VALUES_A_PAGE = 20_000
/** Beyond this many, pages that were looked at longest ago are let go and asked for again when they come into view. */
const MOST_VALUES = 3_000_000

/**
 * The runs of one search, a page at a time as they are looked at. It knows the rows that it has seen, in order; each page's token is kept, so what was let go
 * can be had again. Tells its listeners when anything changed.
 */
export class RunFeed {
  readonly query: FeedQuery
  readonly #columns = new Map<ColumnId, number>()
  readonly #places: Place[] = []
  readonly #listeners = new Set<() => void>()
  readonly #abort = new AbortController()
  #next: string | undefined
  #count = 0
  #done = false
  #error: Error | undefined
  #busy = false
  #clock = 0
  #size = FIRST_PAGE
  #version = 0

  constructor(query: FeedQuery) {
    this.query = query
  }

  /** Rows known so far, let go or not. */
  get count(): number {
    return this.#count
  }

  /** Whether these are all. */
  get done(): boolean {
    return this.#done
  }

  get error(): Error | undefined {
    return this.#error
  }

  get loading(): boolean {
    return this.#busy
  }

  /** Columns met so far, with how many runs had a value. */
  get columns(): ReadonlyMap<ColumnId, number> {
    return this.#columns
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stop(): void {
    this.#abort.abort()
  }

  info(index: number): RunInfo | undefined {
    const place = this.#placeOf(index)
    return place?.page?.infos[index - place.start]
  }

  value(index: number, column: ColumnId): Value {
    const place = this.#placeOf(index)
    return place?.page?.columns.get(column)?.[index - place.start]
  }

  /** Distinct values met of a column, at most `most`. */
  valuesOf(column: ColumnId, most: number): readonly string[] {
    const values = new Set<string>()
    for (const { page } of this.#places) {
      for (const value of page?.columns.get(column) ?? []) {
        if (value !== undefined) values.add(String(value))
        if (values.size >= most) return [...values]
      }
    }
    return [...values]
  }

  /** Sees to it that the rows from `start` to before `end` come, as far as there are any. */
  ensure(start: number, end: number): void {
    if (this.#busy || this.#error !== undefined || this.#abort.signal.aborted) return
    this.#clock++
    let missing: Place | undefined
    for (const place of this.#places) {
      if (place.start >= end || place.start + place.count <= start) continue
      place.usedAt = this.#clock
      if (place.page === undefined) missing ??= place
    }
    if (missing !== undefined) void this.#load(missing)
    else if (!this.#done && end > this.#count) void this.#load(undefined)
  }

  /** After an error: asks again. */
  retry(): void {
    this.#error = undefined
    this.#tell()
  }

  async #load(known: Place | undefined): Promise<void> {
    this.#busy = true
    this.#tell()
    const token = known === undefined ? this.#next : known.token
    try {
      const { experimentIds, filter, orderBy, view } = this.query
      const body = {
        experiment_ids: experimentIds,
        max_results: known?.count ?? this.#size,
        run_view_type: view,
        ...(filter === '' ? {} : { filter }),
        ...(orderBy.length === 0 ? {} : { order_by: orderBy }),
        ...(token === undefined ? {} : { page_token: token }),
      }
      const { runs = [], next_page_token } = await ask<Found>('POST', 'mlflow/runs/search', { body, signal: this.#abort.signal })
      const page = takeApart(runs)
      if (known !== undefined) known.page = page
      else this.#append(page, token, next_page_token)
      this.#letGo()
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#error = error instanceof Error ? error : new Error(String(error))
    } finally {
      this.#busy = false
      this.#tell()
    }
  }

  #append(page: Page, token: string | undefined, next: string | undefined): void {
    this.#places.push({ start: this.#count, count: page.infos.length, token, page, usedAt: this.#clock })
    this.#count += page.infos.length
    this.#next = next
    this.#done = next === undefined || next === ''
    for (const [column, values] of page.columns) this.#columns.set(column, (this.#columns.get(column) ?? 0) + values.filter((value) => value !== undefined).length)
    const perRun = page.columns.size + 1
    this.#size = Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, Math.floor(VALUES_A_PAGE / perRun)))
  }

  #letGo(): void {
    const held = this.#places.filter(({ page }) => page !== undefined).sort((a, b) => b.usedAt - a.usedAt)
    let values = 0
    for (const place of held) {
      values += place.count * ((place.page?.columns.size ?? 0) + 10)
      if (values > MOST_VALUES) place.page = undefined
    }
  }

  #placeOf(index: number): Place | undefined {
    let low = 0
    let high = this.#places.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const place = this.#places[middle]
      if (place === undefined) return undefined
      if (index < place.start) high = middle - 1
      else if (index >= place.start + place.count) low = middle + 1
      else return place
    }
    return undefined
  }

  #tell(): void {
    this.#version++
    for (const listener of this.#listeners) listener()
  }
}

function takeApart(runs: readonly Run[]): Page {
  const columns = new Map<ColumnId, Value[]>()
  const put = (id: ColumnId, row: number, value: Value): void => {
    let values = columns.get(id)
    if (values === undefined) {
      values = Array.from<Value>({ length: runs.length })
      columns.set(id, values)
    }
    values[row] = value
  }
  for (const [row, { data, inputs }] of runs.entries()) {
    for (const { key, value } of data.metrics ?? []) put(columnId('metrics', key), row, fromDouble(value))
    for (const { key, value } of data.params ?? []) put(columnId('params', key), row, value)
    for (const { key, value } of data.tags ?? []) put(columnId('tags', key), row, value)
    const datasets = (inputs?.dataset_inputs ?? []).map(({ dataset }) => dataset.name)
    if (datasets.length > 0) put(columnId('attributes', 'datasets'), row, [...new Set(datasets)].join(', '))
  }
  return { infos: runs.map(({ info }) => info), columns }
}

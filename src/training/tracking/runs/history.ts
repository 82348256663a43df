import { LRUCache } from 'lru-cache'
import type { Database } from '../../../platform/db/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { decodeToken, encodeToken } from '../../search/index.ts'
import type { TrackingSchema } from '../../tables.ts'
import { FIND_REVISIONS, FIRST_POINTS, POINTS_AFTER, POINTS_AT_ONCE } from './statements.ts'

export interface HistoryQuery {
  readonly runId: string
  readonly key: string
  /** Points at most; all of them without it. */
  readonly limit: number | undefined
  readonly token: string | undefined
}

type Point = readonly [timestamp: number, step: number, isNan: number, value: number]

/** Characters of histories that are kept as they were last answered. */
const KEPT = 16_000_000
const LARGEST_KEPT = 1_000_000
const NUMBERS = ['number', 'number', 'number', 'number'] as const

/** Metric histories as the JSON of MLflow's answer, by timestamp, step, value. Long ones come in parts: no history is ever whole in memory. */
export class Histories {
  readonly #db: Database<TrackingSchema>
  /** Answers of one part, which hold for one revision of their run. */
  readonly #kept = new LRUCache<string, { readonly revision: number; readonly text: string }>({ maxSize: KEPT, sizeCalculation: ({ text }) => text.length + 100 })

  constructor(db: Database<TrackingSchema>) {
    this.#db = db
  }

  /** The whole answer where it fits one part; else its parts. Throws NOT_FOUND for a run that does not exist. */
  async answer(query: HistoryQuery): Promise<string | AsyncIterable<string>> {
    const { runId, key, limit, token } = query
    const [found] = await this.#db.each(this.#db.reading, FIND_REVISIONS, [[runId]])
    if (found === undefined) throw new MillraceError('NOT_FOUND', `Run with id=${runId} not found`)
    const [revision] = found
    const name = JSON.stringify([runId, key, limit, token])
    const kept = this.#kept.get(name)
    if (kept?.revision === revision) return kept.text
    const parts = this.#parts(query)
    const { value: first, done } = await parts.next()
    if (done !== true) return joined(first, parts)
    if (first.length <= LARGEST_KEPT) this.#kept.set(name, { revision, text: first })
    return first
  }

  /** The points alone, with `also` in each: parts of the inside of a JSON list. Answers with their number. */
  async *points({ runId, key, limit, token }: HistoryQuery, also = ''): AsyncGenerator<string, { readonly count: number; readonly last: Point | undefined; readonly more: boolean }> {
    let last: Point | undefined = token === undefined || token === '' ? undefined : (decodeToken(token, NUMBERS, questionOf(runId, key)) as readonly (string | number)[] as Point)
    const begin = `{"key":${JSON.stringify(key)},"value":`
    let count = 0
    for (;;) {
      const rows: readonly Point[] =
        last === undefined
          ? await this.#db.each(this.#db.reading, FIRST_POINTS, [[runId, key]])
          : await this.#db.each(this.#db.reading, POINTS_AFTER, [[runId, key, ...last]])
      const size = Math.min(POINTS_AT_ONCE, (limit ?? Number.POSITIVE_INFINITY) - count, rows.length)
      let text = ''
      for (let i = 0; i < size; i++) {
        const point = rows[i]
        if (point === undefined) break
        const [timestamp, step, isNan, value] = point
        text += `${i === 0 && count === 0 ? '' : ','}${begin}${isNan === 1 ? '"NaN"' : jsonOf(value)},"timestamp":${timestamp},"step":${step}${also}}`
        last = point
      }
      count += size
      const more = rows.length > size
      if (!more || count === limit) {
        if (size > 0) yield text
        return { count, last, more }
      }
      yield text
    }
  }

  /** Histories of several runs in one list, each point with its run's id: at most `limit` points. Runs that do not exist have none. */
  async bulk(runIds: readonly string[], key: string, limit: number): Promise<string> {
    const parts: string[] = []
    let count = 0
    for (const runId of runIds) {
      if (count >= limit) break
      const points = this.points({ runId, key, limit: limit - count, token: undefined }, `,"run_id":${JSON.stringify(runId)}`)
      let text = ''
      for (;;) {
        const { value, done } = await points.next()
        if (done === true) {
          count += value.count
          break
        }
        text += value
      }
      if (text !== '') parts.push(text)
    }
    return `{"metrics":[${parts.join(',')}]}`
  }

  /** Parts of an answer; one that is its only part is returned, not yielded. */
  async *#parts(query: HistoryQuery): AsyncGenerator<string, string> {
    const points = this.points(query)
    let part = '{"metrics":['
    for (;;) {
      const { value, done } = await points.next()
      if (done === true) {
        const next = value.more && value.last !== undefined ? `,"next_page_token":"${encodeToken(value.last, questionOf(query.runId, query.key))}"` : ''
        return `${part}]${next}}`
      }
      // The first is held back until it is known whether there is a second.
      if (part.length > HELD_BACK) {
        yield part
        part = value
      } else part += value
    }
  }
}

/** Longer parts are sent on their way. */
const HELD_BACK = 50_000

async function* joined(first: string, parts: AsyncGenerator<string, string>): AsyncGenerator<string> {
  yield first
  for (;;) {
    const { value, done } = await parts.next()
    yield value
    if (done === true) return
  }
}

/** Infinities leave as protobuf writes them. */
function jsonOf(value: number): string {
  return Number.isFinite(value) ? String(value) : value > 0 ? '"Infinity"' : '"-Infinity"'
}

function questionOf(runId: string, key: string): readonly string[] {
  return ['history', runId, key]
}

import type { MillraceEvent } from '../../api/events.ts'
import type { Verification, VerifiedSource } from '../../api/event-log.ts'
import type { Database } from '../../platform/db/index.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import { GENESIS_HASH, findBreak } from '../../platform/events/chain.ts'
import type { Feed } from './feed.ts'
import { type SignedHead, readHeads } from './heads.ts'
import type { EventLogSchema } from './schema.ts'

const BATCH = 1000
const PROBLEMS_SHOWN = 20

interface SourceState {
  events: number
  seq: number
  hash: string
  readonly problems: string[]
}

/**
 * Checks the whole log: positions without a gap, each source's chain from its first event on, the columns against the events, and the log against
 * the signed heads in `folder`, which an edit contradicts and a cut-off tail falls short of. With `feeds`, also that each outbox continues the log.
 */
export async function verifyLog(db: Database<EventLogSchema>, folder: string, feeds: readonly Feed[] = []): Promise<Verification> {
  const headsReport = readHeads(folder)
  const problems: string[] = []
  const { sources, events } = await walk(db, headsReport.heads, problems)
  const signed = new Map(headsReport.heads.map((head) => [head.source, head]))
  for (const head of headsReport.heads) compareWithHead(sources, head)
  const compare = async (feed: Feed): Promise<void> => {
    const state = stateOf(sources, feed.source)
    state.problems.push(...(await compareWithOutbox(feed, state)))
  }
  await Promise.all(feeds.map(compare))
  for (const [source, { seq, problems: found }] of sources) {
    if (seq > 0 && !signed.has(source)) found.push(`${source}: no signed head tells of its ${seq} events`)
  }
  const verified = [...sources]
    .map(([source, { events: count, seq, hash, problems: found }]): VerifiedSource => {
      return { source, events: count, seq, hash, signed_seq: signed.get(source)?.seq ?? 0, problems: shorten(found) }
    })
    .sort((a, b) => (a.source < b.source ? -1 : 1))
  const ok = problems.length === 0 && headsReport.problems.length === 0 && verified.every((source) => source.problems.length === 0)
  return { ok, events, heads: headsReport.lines, sources: verified, problems: shorten([...problems, ...headsReport.problems]) }
}

async function walk(db: Database<EventLogSchema>, heads: readonly SignedHead[], problems: string[]) {
  const sources = new Map<string, SourceState>()
  // Read first: the log may grow while it is walked, and must reach at least what it had reached before.
  const head = await db.kysely.selectFrom('log_head').select('position').where('id', '=', 1).executeTakeFirst()
  let position = 0
  for (;;) {
    const rows = await db.kysely.selectFrom('log_events').selectAll().where('position', '>', position).orderBy('position').limit(BATCH).execute()
    for (const row of rows) {
      if (row.position !== position + 1) problems.push(`the log: positions ${position + 1} to ${row.position - 1} are missing`)
      position = row.position
      checkRow(row, stateOf(sources, row.source), heads)
    }
    if (rows.length < BATCH) break
  }
  if ((head?.position ?? 0) > position) problems.push(`the log: it ends at position ${position}, and once reached ${head?.position ?? 0}`)
  return { sources, events: position }
}

function checkRow(row: EventLogSchema['log_events'], state: SourceState, heads: readonly SignedHead[]): void {
  const where = `${row.source}: event ${row.seq}`
  state.events++
  const event = parse(row.event)
  if (event === undefined) {
    state.problems.push(`${where} is not readable`)
    return
  }
  const agrees =
    event.seq === row.seq && event.hash === row.hash && event.type === row.type && event.subject === row.subject && Date.parse(event.time) === row.time
  if (!agrees) state.problems.push(`${where}: its columns do not agree with what it says`)
  const broken = findBreak([event], state.hash, state.seq + 1)
  if (broken !== null) state.problems.push(broken)
  const head = heads.find((one) => one.source === row.source && one.seq === row.seq)
  if (head !== undefined && head.hash !== event.hash) state.problems.push(`${where} is not the one that was signed at ${head.time}`)
  state.seq = event.seq
  state.hash = event.hash
}

function compareWithHead(sources: Map<string, SourceState>, head: SignedHead): void {
  const state = stateOf(sources, head.source)
  if (state.seq < head.seq) state.problems.push(`${head.source}: the log ends at event ${state.seq}, and event ${head.seq} was signed at ${head.time}`)
}

async function compareWithOutbox(feed: Feed, state: SourceState): Promise<readonly string[]> {
  if (state.seq === 0) return []
  try {
    const [event] = await feed.read(state.seq - 1, 1, 0, AbortSignal.timeout(5000))
    if (event?.seq === state.seq && event.hash === state.hash) return []
    return [`${feed.source}: its outbox does not hold event ${state.seq} as the log has it`]
  } catch (error) {
    return [`${feed.source}: its outbox could not be compared: ${errorMessage(error)}`]
  }
}

function stateOf(sources: Map<string, SourceState>, source: string): SourceState {
  const known = sources.get(source)
  if (known !== undefined) return known
  const state = { events: 0, seq: 0, hash: GENESIS_HASH, problems: [] }
  sources.set(source, state)
  return state
}

function parse(text: string): MillraceEvent | undefined {
  try {
    return JSON.parse(text) as MillraceEvent
  } catch {
    return undefined
  }
}

function shorten(problems: readonly string[]): readonly string[] {
  if (problems.length <= PROBLEMS_SHOWN) return problems
  return [...problems.slice(0, PROBLEMS_SHOWN), `and ${problems.length - PROBLEMS_SHOWN} more`]
}

import { createHash } from 'node:crypto'
import type { MillraceEvent } from '../../api/events.ts'

export const GENESIS_HASH = '0'.repeat(64)

/**
 * The hash that chains an event to the one before it: SHA-256, hex, over the JSON of the event without `hash`, with keys sorted at every
 * level (RFC 8785 in what concerns us: our numbers are finite and our strings are well formed).
 */
export function eventHash(event: Omit<MillraceEvent, 'hash'>): string {
  const { specversion, id, source, type, time, subject, datacontenttype, data, projecttime, seq, previoushash } = event
  const covered = { specversion, id, source, type, time, subject, datacontenttype, data, projecttime, seq, previoushash }
  return createHash('sha256').update(canonicalJson(covered)).digest('hex')
}

/** Where the chain first breaks, in words, or null. `previous` is the hash that the first event must name. */
export function findBreak(events: readonly MillraceEvent[], previous = GENESIS_HASH, firstSeq = 1): string | null {
  let expectedHash = previous
  let expectedSeq = firstSeq
  for (const event of events) {
    if (event.seq !== expectedSeq) return `${event.source}: event ${expectedSeq} is missing (found ${event.seq})`
    if (event.previoushash !== expectedHash) return `${event.source}: event ${event.seq} does not follow the event before it`
    if (eventHash(event) !== event.hash) return `${event.source}: event ${event.seq} was changed after it was written`
    expectedHash = event.hash
    expectedSeq++
  }
  return null
}

export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

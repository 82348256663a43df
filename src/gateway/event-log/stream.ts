import { Readable } from 'node:stream'
import type { EventFilter, EventStore } from './store.ts'

const PAGE = 200
const HEARTBEAT_MS = 15_000

/**
 * The log as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): one message per event, its id the position,
 * its data a LoggedEvent. Follows until the reader goes or `signal` aborts; a slow reader slows the reading, nothing is dropped.
 */
export function eventStream(store: EventStore, after: number, filter: EventFilter, signal: AbortSignal): Readable {
  const messages = async function* (): AsyncGenerator<string> {
    let position = after
    yield `retry: 1000\nid: ${position}\n\n`
    let spoken = Date.now()
    while (!signal.aborted) {
      const page = await store.afterOrWait(position, PAGE, filter, HEARTBEAT_MS, signal)
      position = page.position
      for (const logged of page.events) yield `id: ${logged.position}\ndata: ${JSON.stringify(logged)}\n\n`
      if (page.events.length > 0) spoken = Date.now()
      else if (Date.now() - spoken >= HEARTBEAT_MS) {
        // A comment keeps proxies from closing a quiet connection; the id lets the reader resume here and not further back.
        yield `: still here\nid: ${position}\n\n`
        spoken = Date.now()
      }
    }
  }
  return Readable.from(messages(), { objectMode: false })
}

import { Compile } from 'typebox/compile'
import { type Dispatcher, request } from 'undici'
import type { MillraceEvent, OutboxPage } from '../../api/events.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import { outboxPageSchema } from './schema.ts'

/** One outbox, wherever it is. */
export interface Feed {
  /** Names the source in the log. */
  readonly source: string
  /** Events with `seq` above `after`, oldest first; waits up to `waitSeconds` for a first one. Throws when the outbox cannot be read. */
  readonly read: (after: number, limit: number, waitSeconds: number, signal: AbortSignal) => Promise<readonly MillraceEvent[]>
}

const compiledPage = Compile(outboxPageSchema)
const PATIENCE_MS = 10_000

/** The outbox of another service. The caller owns `dispatcher`: closing it ends its connections at once, which lets the other service stop without delay. */
export function httpFeed(source: string, url: string, dispatcher: Dispatcher): Feed {
  return {
    source,
    read: async (after, limit, waitSeconds, signal) => {
      const address = `${url}?after=${after}&limit=${limit}&wait=${waitSeconds}`
      const patience = AbortSignal.timeout(waitSeconds * 1000 + PATIENCE_MS)
      const response = await request(address, { dispatcher, signal: AbortSignal.any([signal, patience]) }).catch((error: unknown) => {
        throw new MillraceError('UPSTREAM_FAILED', `${source} could not be reached at ${url}`, { cause: error })
      })
      if (response.statusCode !== 200) {
        await response.body.dump()
        throw new MillraceError('UPSTREAM_FAILED', `${source} answered ${response.statusCode} to GET ${url}`)
      }
      const page: unknown = await response.body.json()
      if (!isOutboxPage(page)) {
        const [first] = compiledPage.Errors(page)
        throw new MillraceError('UPSTREAM_FAILED', `${source} answered no page of events to GET ${url}: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
      }
      return page.events
    },
  }
}

/** The gateway's own outbox, read without a detour over its own port. */
export function localFeed(source: string, outbox: Outbox): Feed {
  return {
    source,
    read: (after, limit, waitSeconds, signal) => outbox.readOrWait(after, limit, waitSeconds * 1000, signal),
  }
}

/** The schema says what JSON allows; that `data` belongs to its `type` is its service's word, which the hash binds. */
function isOutboxPage(value: unknown): value is OutboxPage {
  return compiledPage.Check(value)
}

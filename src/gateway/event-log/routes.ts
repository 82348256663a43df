import type { Verification } from '../../api/event-log.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { eventsQuery, streamQuery } from './schema.ts'
import type { EventFilter, EventStore } from './store.ts'
import { eventStream } from './stream.ts'

export interface EventLogRoutes {
  readonly store: EventStore
  readonly verify: () => Promise<Verification>
  /** Aborts when the service stops: who waits is answered at once. */
  readonly stopping: AbortSignal
}

const MAX_STREAMS = 200

export function registerEventLogRoutes(http: HttpServer, { store, verify, stopping }: EventLogRoutes): void {
  let streams = 0

  // Followers ask again as soon as they are answered.
  const asked = { traced: false }
  http.get('/events', { config: asked, schema: { querystring: eventsQuery, tags: ['events'] } }, (request) => {
    const { after, before, limit, wait, subject, type, types } = request.query
    const filter = filterOf(type === undefined ? types : `${types},${type}`, subject)
    if (after === undefined) return store.before(before, limit, filter)
    if (before !== undefined) throw new MillraceError('BAD_REQUEST', 'after and before: found both, expected one (oldest or newest first)')
    return store.afterOrWait(after, limit, filter, wait * 1000, stopping)
  })

  http.get('/events/head', { schema: { tags: ['events'] } }, async () => ({ position: await store.head() }))

  http.get('/events/verify', { schema: { tags: ['events'] } }, () => verify())

  http.get('/events/stream', { config: asked, schema: { querystring: streamQuery, tags: ['events'] } }, async (request, reply) => {
    if (streams >= MAX_STREAMS) throw new MillraceError('UNAVAILABLE', `${MAX_STREAMS} event streams are open already`)
    const after = lastEventId(request.headers['last-event-id']) ?? request.query.after ?? (await store.head())
    const gone = new AbortController()
    streams++
    reply.raw.once('close', () => {
      streams--
      gone.abort()
    })
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(eventStream(store, after, filterOf(request.query.types), AbortSignal.any([stopping, gone.signal])))
  })
}

function filterOf(types: string, subject?: string): EventFilter {
  const list = types.split(',').filter((type) => type !== '')
  return { types: list, ...(subject === undefined ? {} : { subject }) }
}

function lastEventId(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

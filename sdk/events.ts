import type { EventPage, EventType } from '../src/api/events.ts'
import type { Transport } from './http.ts'

/** The event log, at the gateway. */
export function eventsClient(transport: Transport) {
  return {
    /** Events after `after`, in order of position; waits up to `waitSeconds` for a first one. */
    page: (after: number, types: readonly EventType[] = [], waitSeconds = 0, limit = 500): Promise<EventPage> =>
      transport.json('GET', '/events', {
        query: { after, limit, wait: waitSeconds, types: types.length > 0 ? types.join(',') : undefined },
        timeoutMs: (waitSeconds + 10) * 1000,
      }),
    head: async (): Promise<number> => (await transport.json<{ position: number }>('GET', '/events/head')).position,
  }
}

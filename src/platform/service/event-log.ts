import { request } from 'undici'
import type { EventPage, EventType } from '../../api/events.ts'
import { MillraceError } from '../errors/index.ts'

/** The event log over HTTP, as a follower needs it. The platform stands below the SDK, so it makes these two calls itself. */
export function eventLogAt(gateway: () => string) {
  const get = async <T>(path: string, signal: AbortSignal): Promise<T> => {
    const { statusCode, body } = await request(`${gateway()}${path}`, { signal })
    if (statusCode !== 200) throw new MillraceError('UPSTREAM_FAILED', `the event log answered ${statusCode} to GET ${path}: ${(await body.text()).slice(0, 200)}`)
    return (await body.json()) as T
  }
  return {
    fetchPage: (position: number, types: readonly EventType[], waitSeconds: number, signal: AbortSignal): Promise<EventPage> =>
      get(`/events?after=${position}&types=${types.join(',')}&wait=${waitSeconds}`, AbortSignal.any([signal, AbortSignal.timeout((waitSeconds + 10) * 1000)])),
  }
}

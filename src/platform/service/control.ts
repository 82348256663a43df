import Type from 'typebox'
import type { ProjectIdentity } from '../config/index.ts'
import { type Clock, SimulatedClock } from '../clock/index.ts'
import { MillraceError } from '../errors/index.ts'
import type { Outbox } from '../events/outbox.ts'
import type { HttpServer } from '../http/index.ts'

export interface ControlOptions {
  readonly name: string
  readonly project: ProjectIdentity
  readonly outbox: Outbox
  readonly clock: Clock
  readonly waitingFor: () => Promise<readonly string[]>
}

const outboxQuery = Type.Object({
  after: Type.Integer({ minimum: 0, default: 0 }),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 500 }),
  wait: Type.Number({ minimum: 0, maximum: 60, default: 0, description: 'Seconds to wait for a first event' }),
})
const clockBody = Type.Object({ now: Type.String({ format: 'date-time' }) })

/** The routes that every service answers under `/-/`: they serve other services and the operator, and the gateway does not pass them on. */
export async function registerControlRoutes(http: HttpServer, { name, project, outbox, clock, waitingFor }: ControlOptions): Promise<void> {
  // Whoever waits for events must not hold up the end of the service.
  const closing = new AbortController()
  http.addHook('preClose', async () => closing.abort())
  if (!http.hasRoute({ method: 'GET', url: '/health' })) {
    http.get('/health', { schema: { tags: ['control'] } }, () => ({ status: 'ok', service: name, project }))
  }
  http.get('/-/outbox', { schema: { querystring: outboxQuery, tags: ['control'] } }, async (request) => {
    const { after, limit, wait } = request.query
    return { events: await outbox.readOrWait(after, limit, wait * 1000, closing.signal) }
  })
  http.get('/-/watermark', { schema: { tags: ['control'] } }, async () => {
    const waiting = await waitingFor()
    return { service: name, time: clock.project().toISOString(), caught_up: waiting.length === 0, waiting_for: waiting }
  })
  http.put('/-/clock', { schema: { body: clockBody, tags: ['control'] } }, (request) => {
    if (!(clock instanceof SimulatedClock)) {
      throw new MillraceError('CLOCK_NOT_SIMULATED', 'project time is wall time here: set `clock: {simulated: …}` in millrace.yaml to drive it')
    }
    clock.set(new Date(request.body.now))
    return { service: name, time: clock.project().toISOString() }
  })
}

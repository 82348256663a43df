import { timeOf } from '../../../domain/moment.ts'
import type { Clock } from '../../../platform/clock/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { HttpServer } from '../../../platform/http/index.ts'
import { getOnlineFeaturesBody, pushBody, viewParams } from './schema.ts'
import type { OnlineFeatures } from './service.ts'

/** Feast's REST shape (feature_server.py), as far as Millrace speaks it. */
export function registerFeatureRoutes(http: HttpServer, features: OnlineFeatures, clock: Clock): void {
  const tags = ['features']
  http.post('/get-online-features', { schema: { body: getOnlineFeaturesBody, tags } }, (request) =>
    features.answer(request.body, momentOfRequest(clock, request.headers['x-millrace-time'])),
  )
  http.post('/push', { schema: { body: pushBody, tags } }, (request) => features.push(request.body))
  http.get('/feature-views', { schema: { tags } }, () => ({ feature_views: features.summaries() }))
  http.get('/feature-views/:name', { schema: { params: viewParams, tags } }, (request) => features.summary(request.params.name))
}

/** Where the clock is simulated a request may carry its own moment. */
function momentOfRequest(clock: Clock, header: string | string[] | undefined): number {
  if (!clock.simulated || header === undefined) return clock.project().getTime()
  const time = timeOf(header)
  if (Number.isNaN(time)) throw new MillraceError('BAD_REQUEST', `X-Millrace-Time: found ${JSON.stringify(header)}, expected RFC 3339`)
  return time
}

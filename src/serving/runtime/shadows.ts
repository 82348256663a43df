import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { ServingMetrics } from './metrics.ts'
import type { Served, Target } from './plane.ts'
import { type Traced, traceIdFor } from './spans.ts'

interface ShadowedRequest {
  readonly id: string
  readonly traced?: Traced
}

/**
 * Lets each shadow predict after the answer is on its way, so that none delays it; one that fails is counted and nothing more. Resolves when all are done, and
 * never rejects.
 */
export async function inShadows(
  { served, shadows, request, metrics, log }: { readonly served: Served; readonly shadows: readonly Target[]; readonly request: ShadowedRequest; readonly metrics: ServingMetrics; readonly log: Logger },
  predict: (target: Target) => Promise<void>,
): Promise<void> {
  served.shadowing++
  // All of them at once: the request that holds them ends before the first has predicted.
  for (const { model } of shadows) model.acquire()
  for (const target of shadows) {
    try {
      if (served.shadowing > served.limits.maxQueue) throw new MillraceError('OVERLOADED', 'too many requests are waiting for the shadows')
      await predict(target)
    } catch (error) {
      metrics.shadowFailed(served.name, target.alias)
      log.debug({ model: served.name, alias: target.alias, request_id: request.id, trace_id: request.traced && traceIdFor(request.traced), reason: errorMessage(error) }, 'a shadow could not predict')
    } finally {
      target.model.release()
    }
  }
  served.shadowing--
}

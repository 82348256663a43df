import type { Logger } from '../../../platform/log/index.ts'
import type { TrainingContext } from '../../context.ts'
import type { Endpoint } from '../../mlflow/routes.ts'
import { Deliveries } from './deliveries.ts'
import { webhookEndpoints } from './routes.ts'
import { type Outbound, createSender } from './send.ts'

export interface Webhooks {
  readonly endpoints: readonly Endpoint[]
  /** Resolves once no delivery is under way any more. */
  readonly stop: () => Promise<void>
}

/** Webhooks, and what delivers them in the background. */
export function startWebhooks(context: TrainingContext, outbound: Outbound, log: Logger): Webhooks {
  const { send, close } = createSender(outbound)
  const whole = { ...context, outbound, send }
  const deliveries = new Deliveries(whole, log)
  return {
    endpoints: webhookEndpoints(whole, () => deliveries.wake()),
    stop: async () => {
      await deliveries.stop()
      await close()
    },
  }
}

import type { DeliveryRow, Webhook } from './store.ts'

/** Without the secret. */
export function presentWebhook({ webhook_id, name, description, url, events, status, creation_time, last_update_time }: Webhook) {
  return {
    webhook_id,
    name,
    ...(description === null ? {} : { description }),
    url,
    events,
    status,
    creation_timestamp: creation_time,
    last_updated_timestamp: last_update_time,
  }
}

export function presentDelivery({ delivery_id, webhook_id, event, status, attempts, creation_time, next_attempt, last_attempt, response_status, error }: DeliveryRow) {
  return {
    delivery_id,
    webhook_id,
    event,
    status,
    attempts,
    creation_timestamp: creation_time,
    ...(status === 'pending' ? { next_attempt_timestamp: next_attempt } : {}),
    ...(last_attempt === null ? {} : { last_attempt_timestamp: last_attempt }),
    ...(response_status === null ? {} : { response_status }),
    ...(error === null ? {} : { error }),
  }
}

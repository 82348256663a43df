import Type from 'typebox'
import { enumeration, int64, text } from '../../mlflow/fields.ts'
import { ACTIONS, ENTITIES, WEBHOOK_STATUS } from './vocabulary.ts'

const event = Type.Object({ entity: enumeration(ENTITIES), action: enumeration(ACTIONS) })
const status = Type.Optional(enumeration(WEBHOOK_STATUS))

export const createWebhook = Type.Object({
  name: text,
  url: text,
  events: Type.Array(event),
  description: Type.Optional(text),
  secret: Type.Optional(text),
  status,
})
export const updateWebhook = Type.Object({ webhook_id: text, ...Type.Partial(createWebhook).properties })
export const listWebhooks = Type.Object({ max_results: Type.Optional(int64), page_token: Type.Optional(text) })
export const webhookId = Type.Object({ webhook_id: text })
export const testWebhook = Type.Object({ webhook_id: text, event: Type.Optional(event) })
export const listDeliveries = Type.Object({ webhook_id: text, ...listWebhooks.properties })
export const deliveryId = Type.Object({ webhook_id: text, delivery_id: text })

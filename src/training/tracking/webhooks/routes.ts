import type { Static } from 'typebox'
import { enumName, toInteger } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { pageSize } from '../../search/index.ts'
import { presentDelivery, presentWebhook } from './present.ts'
import * as schema from './schema.ts'
import * as service from './service.ts'
import * as store from './store.ts'
import { ACTIONS, ENTITIES, WEBHOOK_STATUS, type WebhookEvent } from './vocabulary.ts'

const STANDARD_PAGE = 100
const LARGEST_PAGE = 1000

/** `wake` is called after a change that there is something to do for. */
export function webhookEndpoints(context: service.WebhookContext, wake: () => void): readonly Endpoint[] {
  const all = '/2.0/mlflow/webhooks'
  const one = `${all}/:webhook_id`
  const log = '/2.0/millrace/webhooks/:webhook_id/deliveries'
  const size = (given: number | string | undefined) => pageSize(given === undefined ? undefined : toInteger(given, 'max_results'), STANDARD_PAGE, LARGEST_PAGE)
  return [
    endpoint('POST', all, schema.createWebhook, async ({ name, url, events, description, secret, status }) => {
      const webhook = await service.createWebhook(context, {
        name,
        url,
        events: events.map(toEvent),
        description,
        secret,
        status: enumName(WEBHOOK_STATUS, status ?? 'ACTIVE'),
      })
      wake()
      return { webhook: presentWebhook(webhook) }
    }),
    endpoint('GET', all, schema.listWebhooks, async ({ max_results, page_token }) => {
      const { webhooks, next } = await store.listWebhooks(context.db.kysely, size(max_results), page_token)
      return { webhooks: webhooks.map(presentWebhook), ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('GET', one, schema.webhookId, async ({ webhook_id }) => ({ webhook: presentWebhook(await service.getWebhook(context, webhook_id)) })),
    endpoint('PATCH', one, schema.updateWebhook, async ({ webhook_id, name, url, events, description, secret, status }) => {
      const webhook = await service.updateWebhook(context, webhook_id, {
        ...(name ? { name } : {}),
        ...(url ? { url } : {}),
        ...(events === undefined || events.length === 0 ? {} : { events: events.map(toEvent) }),
        ...(description === undefined ? {} : { description }),
        ...(secret === undefined ? {} : { secret }),
        ...(status === undefined ? {} : { status: enumName(WEBHOOK_STATUS, status) }),
      })
      return { webhook: presentWebhook(webhook) }
    }),
    endpoint('DELETE', one, schema.webhookId, async ({ webhook_id }) => {
      await service.deleteWebhook(context, webhook_id)
      return {}
    }),
    endpoint('POST', `${one}/test`, schema.testWebhook, async ({ webhook_id, event }) => ({
      result: await service.testWebhook(context, webhook_id, event === undefined ? undefined : toEvent(event)),
    })),
    endpoint('GET', log, schema.listDeliveries, async ({ webhook_id, max_results, page_token }) => {
      await service.requireWebhook(context.db.kysely, webhook_id)
      const { rows, next } = await store.listDeliveries(context.db.kysely, webhook_id, size(max_results), page_token)
      return { deliveries: rows.map(presentDelivery), ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('POST', `${log}/:delivery_id/redeliver`, schema.deliveryId, async ({ webhook_id, delivery_id }) => {
      await service.redeliver(context, webhook_id, delivery_id)
      wake()
      return {}
    }),
  ]
}

function toEvent({ entity, action }: Static<typeof schema.createWebhook>['events'][number]): WebhookEvent {
  return { entity: enumName(ENTITIES, entity), action: enumName(ACTIONS, action) }
}

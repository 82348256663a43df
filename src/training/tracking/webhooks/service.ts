import { MillraceError } from '../../../platform/errors/index.ts'
import { checkPublicHost } from '../../../platform/http/index.ts'
import { ulid } from '../../../platform/ids/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkLength } from '../../mlflow/limits.ts'
import type { Queries } from '../../tables.ts'
import type { Outbound, Send } from './send.ts'
import * as store from './store.ts'
import type { WebhookStatus } from './tables.ts'
import { type WebhookEvent, actionsOf, bodyOf, exampleOf } from './vocabulary.ts'

export interface WebhookContext extends TrainingContext {
  readonly outbound: Outbound
  readonly send: Send
}

export interface WebhookInput {
  readonly name: string
  readonly url: string
  readonly events: readonly WebhookEvent[]
  readonly description: string | undefined
  readonly secret: string | undefined
  readonly status: WebhookStatus
}

const LONGEST_URL = 2000
const LONGEST_SECRET = 1000

/** It hears of what happens from now on. */
export async function createWebhook({ db, clock, outbound }: WebhookContext, input: WebhookInput): Promise<store.Webhook> {
  await check(input, outbound)
  const now = clock.wall().getTime()
  const webhook: store.Webhook = {
    webhook_id: ulid(),
    name: input.name,
    description: input.description || null,
    url: input.url,
    secret: input.secret || null,
    status: input.status,
    creation_time: now,
    last_update_time: now,
    events: distinct(input.events),
  }
  await db.transaction(async (trx) => {
    await store.lockPosition(trx)
    // Nobody has looked at the outbox while there was no webhook.
    if ((await store.countWebhooks(trx)) === 0) await store.setPosition(trx, await store.outboxHead(trx))
    await store.insertWebhook(trx, webhook)
  })
  return webhook
}

export function getWebhook({ db }: WebhookContext, webhookId: string): Promise<store.Webhook> {
  return requireWebhook(db.kysely, webhookId)
}

/** An empty secret takes the secret away; other empty texts change nothing, as in MLflow. */
export async function updateWebhook({ db, clock, outbound }: WebhookContext, webhookId: string, change: Partial<WebhookInput>): Promise<store.Webhook> {
  await check(change, outbound)
  return db.transaction(async (trx) => {
    await requireWebhook(trx, webhookId)
    await store.updateWebhook(trx, webhookId, {
      ...(change.name ? { name: change.name } : {}),
      ...(change.url ? { url: change.url } : {}),
      ...(change.events === undefined || change.events.length === 0 ? {} : { events: distinct(change.events) }),
      ...(change.description === undefined ? {} : { description: change.description || null }),
      ...(change.secret === undefined ? {} : { secret: change.secret || null }),
      ...(change.status === undefined ? {} : { status: change.status }),
      last_update_time: clock.wall().getTime(),
    })
    return requireWebhook(trx, webhookId)
  })
}

/** What waits to be delivered to it goes with it. */
export async function deleteWebhook({ db }: WebhookContext, webhookId: string): Promise<void> {
  await db.transaction(async (trx) => {
    if (!(await store.deleteWebhook(trx, webhookId))) throw missing(webhookId)
  })
}

export interface TestResult {
  readonly success: boolean
  readonly response_status?: number
  readonly response_body?: string
  readonly error_message?: string
}

/** Sends an example at once, without a place in the delivery log. */
export async function testWebhook({ db, clock, send }: WebhookContext, webhookId: string, given: WebhookEvent | undefined): Promise<TestResult> {
  const webhook = await requireWebhook(db.kysely, webhookId)
  const event = given ?? webhook.events[0]
  if (event === undefined) throw new TypeError('a webhook has events')
  checkEvents([event])
  const body = bodyOf(event, clock.wall().getTime(), exampleOf(event) ?? {})
  const outcome = await send({ url: webhook.url, secret: webhook.secret, deliveryId: ulid(), body })
  if (!outcome.answered) return { success: false, error_message: `Failed to test webhook: ${outcome.error}` }
  return { success: outcome.status < 300, response_status: outcome.status, response_body: outcome.text }
}

/** Offers a delivery again at once, whatever came of it before. */
export async function redeliver({ db, clock }: WebhookContext, webhookId: string, deliveryId: string): Promise<void> {
  await db.transaction(async (trx) => {
    await requireWebhook(trx, webhookId)
    if ((await store.findDelivery(trx, webhookId, deliveryId)) === undefined) throw new MillraceError('NOT_FOUND', `Delivery ${deliveryId} of webhook ${webhookId} not found.`)
    await store.updateDelivery(trx, deliveryId, { status: 'pending', attempts: 0, next_attempt: clock.wall().getTime() })
  })
}

export async function requireWebhook(db: Queries, webhookId: string): Promise<store.Webhook> {
  const webhook = await store.findWebhook(db, webhookId)
  if (webhook === undefined) throw missing(webhookId)
  return webhook
}

function missing(webhookId: string): MillraceError {
  return new MillraceError('NOT_FOUND', `Webhook with ID ${webhookId} not found.`)
}

async function check({ name, url, events, description, secret }: Partial<WebhookInput>, outbound: Outbound): Promise<void> {
  if (name !== undefined && !/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name)) {
    throw invalid(
      `Webhook name ${JSON.stringify(name.slice(0, 100))} is invalid. It must start and end with a letter or digit, be at most 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).`,
    )
  }
  if (events !== undefined) checkEvents(events)
  if (description !== undefined) checkLength(description, LIMITS.description, 'description')
  if (secret !== undefined) checkLength(secret, LONGEST_SECRET, 'secret')
  if (url !== undefined) await checkUrl(url, outbound)
}

/** Refuses what deliveries would not be sent to anyway: the caller hears of it now. */
async function checkUrl(url: string, { allowHttp, allowPrivate }: Outbound): Promise<void> {
  checkLength(url, LONGEST_URL, 'url')
  if (!URL.canParse(url)) throw invalid(`Invalid webhook URL: ${JSON.stringify(url)}`)
  const { protocol, hostname, username, password } = new URL(url)
  const schemes = allowHttp ? ['https', 'http'] : ['https']
  if (!schemes.includes(protocol.slice(0, -1))) throw invalid(`Invalid webhook URL scheme: '${protocol.slice(0, -1)}'. Allowed schemes are: ${schemes.join(', ')}.`)
  if (hostname === '') throw invalid(`Webhook URL must include a hostname: ${JSON.stringify(url)}`)
  if (username !== '' || password !== '') throw invalid('Webhook URL must not include credentials')
  if (!allowPrivate) await checkPublicHost(hostname)
}

function checkEvents(events: readonly WebhookEvent[]): void {
  if (events.length === 0) throw invalid('Webhook events cannot be empty')
  for (const event of events) {
    if (exampleOf(event) === undefined) {
      throw invalid(`Invalid action '${event.action.toLowerCase()}' for entity '${event.entity.toLowerCase()}'. Valid actions are: [${actionsOf(event.entity).map((action) => `'${action.toLowerCase()}'`).join(', ')}]`)
    }
  }
}

function distinct(events: readonly WebhookEvent[]): readonly WebhookEvent[] {
  return [...new Map(events.map((event) => [`${event.entity}.${event.action}`, event])).values()]
}

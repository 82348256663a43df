import { type Selectable, sql } from 'kysely'
import { ascending, descending, readPage } from '../../search/index.ts'
import { groupBy } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'
import type { WebhookEvent } from './vocabulary.ts'

export type WebhookRow = Selectable<TrackingSchema['webhooks']>
export type DeliveryRow = Selectable<TrackingSchema['webhook_deliveries']>

/** The subscriber's name in `event_positions`. */
const SUBSCRIBER = 'webhooks'

export interface Webhook extends WebhookRow {
  readonly events: readonly WebhookEvent[]
}

export async function insertWebhook(trx: Queries, { events, ...row }: Webhook): Promise<void> {
  await trx.insertInto('webhooks').values(row).execute()
  await trx.insertInto('webhook_events').values(events.map((event) => ({ webhook_id: row.webhook_id, ...event }))).execute()
}

export async function updateWebhook(trx: Queries, webhookId: string, { events, ...change }: Partial<Webhook>): Promise<void> {
  await trx.updateTable('webhooks').set(change).where('webhook_id', '=', webhookId).execute()
  if (events === undefined) return
  await trx.deleteFrom('webhook_events').where('webhook_id', '=', webhookId).execute()
  await trx.insertInto('webhook_events').values(events.map((event) => ({ webhook_id: webhookId, ...event }))).execute()
}

/** With its deliveries. */
export async function deleteWebhook(trx: Queries, webhookId: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('webhooks').where('webhook_id', '=', webhookId).executeTakeFirst()
  return numDeletedRows > 0n
}

export async function findWebhook(db: Queries, webhookId: string): Promise<Webhook | undefined> {
  return (await withEvents(db, await db.selectFrom('webhooks').selectAll().where('webhook_id', '=', webhookId).execute()))[0]
}

export async function allActive(db: Queries): Promise<readonly Webhook[]> {
  return withEvents(db, await db.selectFrom('webhooks').selectAll().where('status', '=', 'ACTIVE').orderBy('webhook_id').execute())
}

export async function countWebhooks(db: Queries): Promise<number> {
  const { n } = await db.selectFrom('webhooks').select((e) => e.fn.countAll().as('n')).executeTakeFirstOrThrow()
  return Number(n)
}

export async function listWebhooks(db: Queries, limit: number, token: string | undefined) {
  const { rows, next } = await readPage<WebhookRow>(db, {
    select: sql`webhooks.*`,
    from: sql`webhooks`,
    where: [],
    order: [descending('number', sql`creation_time`), ascending('string', sql`webhook_id`)],
    limit,
    token,
    question: ['webhooks'],
  })
  return { webhooks: await withEvents(db, rows), next }
}

async function withEvents(db: Queries, rows: readonly WebhookRow[]): Promise<readonly Webhook[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.webhook_id)
  const found = await db.selectFrom('webhook_events').selectAll().where('webhook_id', 'in', ids).orderBy('entity').orderBy('action').execute()
  const events = groupBy(found, (event) => event.webhook_id)
  return rows.map((row) => ({ ...row, events: (events.get(row.webhook_id) ?? []).map(({ entity, action }) => ({ entity, action }) as WebhookEvent) }))
}

/** The last event of the outbox that deliveries were made of. Locks it until the transaction ends: of two processes one plans at a time. */
export async function lockPosition(trx: Queries): Promise<number> {
  await trx.insertInto('event_positions').values({ subscriber: SUBSCRIBER, position: 0 }).onConflict((c) => c.doNothing()).execute()
  const row = await trx.updateTable('event_positions').set((e) => ({ position: e.ref('position') })).where('subscriber', '=', SUBSCRIBER).returning('position').executeTakeFirstOrThrow()
  return row.position
}

export async function readPosition(db: Queries): Promise<number> {
  const row = await db.selectFrom('event_positions').select('position').where('subscriber', '=', SUBSCRIBER).executeTakeFirst()
  return row?.position ?? 0
}

export async function setPosition(trx: Queries, position: number): Promise<void> {
  await trx.updateTable('event_positions').set({ position }).where('subscriber', '=', SUBSCRIBER).execute()
}

/** Sequence number of the last event in the outbox; 0 where there is none. */
export async function outboxHead(db: Queries): Promise<number> {
  const row = await db.selectFrom('outbox_head').select('seq').executeTakeFirst()
  return row?.seq ?? 0
}

/** One delivery for each webhook and event, however often it is planned. */
export async function insertDelivery(trx: Queries, row: DeliveryRow): Promise<void> {
  await trx.insertInto('webhook_deliveries').values(row).onConflict((c) => c.doNothing()).execute()
}

export function dueDeliveries(db: Queries, now: number, limit: number): Promise<readonly DeliveryRow[]> {
  return db.selectFrom('webhook_deliveries').selectAll().where('status', '=', 'pending').where('next_attempt', '<=', now).orderBy('next_attempt').orderBy('seq').limit(limit).execute()
}

/** When the next one is due; undefined where nothing waits. */
export async function nextDue(db: Queries): Promise<number | undefined> {
  const row = await db.selectFrom('webhook_deliveries').select('next_attempt').where('status', '=', 'pending').orderBy('next_attempt').limit(1).executeTakeFirst()
  return row?.next_attempt
}

/** Takes a delivery for one attempt, until `until`; false where another process has taken it. */
export async function claimDelivery(db: Queries, { delivery_id, next_attempt }: DeliveryRow, until: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('webhook_deliveries')
    .set((e) => ({ next_attempt: until, attempts: e('attempts', '+', 1) }))
    .where('delivery_id', '=', delivery_id)
    .where('next_attempt', '=', next_attempt)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function updateDelivery(db: Queries, deliveryId: string, change: Partial<DeliveryRow>): Promise<void> {
  await db.updateTable('webhook_deliveries').set(change).where('delivery_id', '=', deliveryId).execute()
}

export function findDelivery(db: Queries, webhookId: string, deliveryId: string): Promise<DeliveryRow | undefined> {
  return db.selectFrom('webhook_deliveries').selectAll().where('webhook_id', '=', webhookId).where('delivery_id', '=', deliveryId).executeTakeFirst()
}

/** The newest first. */
export function listDeliveries(db: Queries, webhookId: string, limit: number, token: string | undefined) {
  return readPage<DeliveryRow>(db, {
    select: sql`d.*`,
    from: sql`webhook_deliveries as d`,
    where: [sql`d.webhook_id = ${webhookId}`],
    order: [descending('number', sql`d.creation_time`), ascending('string', sql`d.delivery_id`)],
    limit,
    token,
    question: ['deliveries', webhookId],
  })
}

/** Forgets what has ended before `time`. */
export async function pruneDeliveries(db: Queries, time: number): Promise<void> {
  await db.deleteFrom('webhook_deliveries').where('status', '<>', 'pending').where('next_attempt', '<', time).execute()
}

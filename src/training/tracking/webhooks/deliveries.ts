import { setTimeout as sleep } from 'node:timers/promises'
import { errorMessage } from '../../../platform/errors/index.ts'
import { ulid } from '../../../platform/ids/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import { isNoticed, noticeOf } from './notices.ts'
import type { Outcome } from './send.ts'
import type { WebhookContext } from './service.ts'
import * as store from './store.ts'
import { bodyOf, eventName } from './vocabulary.ts'

const PAGE = 200
const MOST_AT_ONCE = 8
/** So that one that does not answer leaves room for others. */
const MOST_AT_ONCE_EACH = 2
/** Longer than one attempt takes: after it the attempt counts as lost, with the process that made it. */
const CLAIM_MS = 60_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 3_600_000
/** The last is made about half a day after the first. */
const MOST_ATTEMPTS = 20
/** How often it looks for what other processes have done, and for webhooks where there was none. */
const LOOK_MS = 1000
const KEEP_LOG_MS = 30 * 86_400_000
const PRUNE_EVERY_MS = 3_600_000

/**
 * Makes deliveries of the events in the outbox and sends them, until stopped. Everything it knows is in the database: killed at any moment it goes on where
 * it was, and what was under way is sent again, under the same delivery id. A receiver hears of an event at least once.
 */
export class Deliveries {
  readonly #context: WebhookContext
  readonly #log: Logger
  readonly #abort = new AbortController()
  readonly #underWay = new Map<string, { readonly webhookId: string; readonly done: Promise<void> }>()
  readonly #running: Promise<void>
  #awake = new AbortController()
  #pruned = 0

  constructor(context: WebhookContext, log: Logger) {
    this.#context = context
    this.#log = log
    this.#running = this.#run()
  }

  /** Looks now and not only at the next turn: something was created or is to be sent again. */
  wake(): void {
    this.#awake.abort()
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    await Promise.allSettled([...this.#underWay.values()].map(({ done }) => done))
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      this.#awake = new AbortController()
      try {
        const planned = await this.#plan()
        await this.#sendDue()
        await this.#prune()
        if (!planned) await this.#wait()
      } catch (error) {
        if (signal.aborted) return
        this.#log.warn({ reason: errorMessage(error) }, 'delivering webhooks failed; trying again')
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** Makes deliveries of the next events; false where there are no more. */
  async #plan(): Promise<boolean> {
    const { db, outbox, clock } = this.#context
    const webhooks = await store.allActive(db.kysely)
    const from = await store.readPosition(db.kysely)
    // Those who disabled the last one hear nothing of what happens meanwhile.
    if (webhooks.length === 0 && (await store.countWebhooks(db.kysely)) === 0) return false
    const events = await outbox.read(from, PAGE)
    const last = events.at(-1)
    if (last === undefined) return false
    await db.transaction(async (trx) => {
      if ((await store.lockPosition(trx)) !== from) return
      const now = clock.wall().getTime()
      for (const event of events) {
        if (!isNoticed(event)) continue
        const notice = noticeOf(event, await isPrompt(trx, event.data.model))
        if (notice === undefined) continue
        const wanted = webhooks.filter(({ events: all }) => all.some(({ entity, action }) => entity === notice.event.entity && action === notice.event.action))
        for (const { webhook_id } of wanted) {
          await store.insertDelivery(trx, {
            delivery_id: ulid(),
            webhook_id,
            seq: event.seq,
            event: eventName(notice.event),
            payload: bodyOf(notice.event, Date.parse(event.time), notice.data),
            status: 'pending',
            attempts: 0,
            creation_time: now,
            next_attempt: now,
            last_attempt: null,
            response_status: null,
            error: null,
          })
        }
      }
      await store.setPosition(trx, last.seq)
    })
    return events.length === PAGE
  }

  async #sendDue(): Promise<void> {
    const { db, clock } = this.#context
    const now = clock.wall().getTime()
    const due = await store.dueDeliveries(db.kysely, now, PAGE)
    for (const delivery of due) {
      if (this.#underWay.size >= MOST_AT_ONCE) return
      const same = [...this.#underWay.values()].filter(({ webhookId }) => webhookId === delivery.webhook_id)
      if (this.#underWay.has(delivery.delivery_id) || same.length >= MOST_AT_ONCE_EACH) continue
      if (!(await store.claimDelivery(db.kysely, delivery, now + CLAIM_MS))) continue
      const done = this.#attempt({ ...delivery, attempts: delivery.attempts + 1 })
        .catch((error: unknown) => this.#log.warn({ delivery: delivery.delivery_id, reason: errorMessage(error) }, 'what came of a webhook could not be noted'))
        .finally(() => {
          this.#underWay.delete(delivery.delivery_id)
          this.wake()
        })
      this.#underWay.set(delivery.delivery_id, { webhookId: delivery.webhook_id, done })
    }
  }

  async #attempt(delivery: store.DeliveryRow): Promise<void> {
    const { db, clock, send } = this.#context
    const webhook = await store.findWebhook(db.kysely, delivery.webhook_id)
    if (webhook === undefined) return
    const { signal } = this.#abort
    const outcome: Outcome =
      webhook.status === 'ACTIVE'
        ? await send({ url: webhook.url, secret: webhook.secret, deliveryId: delivery.delivery_id, body: delivery.payload }, signal)
        : { answered: false, error: 'the webhook is disabled' }
    const now = clock.wall().getTime()
    if (signal.aborted && !outcome.answered) {
      // Not the receiver's fault: as if it had not been tried.
      await store.updateDelivery(db.kysely, delivery.delivery_id, { next_attempt: now, attempts: delivery.attempts - 1 })
      return
    }
    await store.updateDelivery(db.kysely, delivery.delivery_id, {
      ...judge(outcome, delivery.attempts, now, webhook.status === 'ACTIVE'),
      last_attempt: now,
      response_status: outcome.answered ? outcome.status : null,
    })
  }

  async #wait(): Promise<void> {
    const { db, outbox, clock } = this.#context
    const { signal } = this.#abort
    const none = (await store.countWebhooks(db.kysely)) === 0
    const due = none ? undefined : await store.nextDue(db.kysely)
    // What is due and has no place among those under way waits for one of them to end, which wakes this.
    const ms = Math.min(LOOK_MS, Math.max(100, due === undefined ? LOOK_MS : due - clock.wall().getTime()))
    const until = AbortSignal.any([signal, this.#awake.signal])
    if (until.aborted) return
    if (none) await sleep(LOOK_MS, undefined, { signal: until }).catch(() => undefined)
    else await outbox.readOrWait(await store.readPosition(db.kysely), 1, ms, until)
  }

  async #prune(): Promise<void> {
    const now = this.#context.clock.wall().getTime()
    if (now - this.#pruned < PRUNE_EVERY_MS) return
    this.#pruned = now
    await store.pruneDeliveries(this.#context.db.kysely, now - KEEP_LOG_MS)
  }
}

/** Any answer below 300 is taken as received. What another attempt cannot mend ends at once: 4xx (but 408 and 429), a redirect, a webhook that was disabled. */
export function judge(outcome: Outcome, attempts: number, now: number, active = true): Pick<store.DeliveryRow, 'status' | 'next_attempt' | 'error'> {
  if (outcome.answered && outcome.status < 300) return { status: 'delivered', next_attempt: now, error: null }
  const error = outcome.answered ? `answered ${outcome.status}${outcome.status < 400 ? ', a redirect, which is not followed' : ''}` : outcome.error
  const worthwhile = active && (!outcome.answered || outcome.status >= 500 || outcome.status === 408 || outcome.status === 429)
  if (!worthwhile || attempts >= MOST_ATTEMPTS) return { status: 'failed', next_attempt: now, error: error.slice(0, 1000) }
  return { status: 'pending', next_attempt: now + pause(attempts, outcome.answered ? outcome.retryAfterMs : undefined), error: error.slice(0, 1000) }
}

/** Doubles from attempt to attempt, with up to half again at random so that receivers are not hit by all at once; never less than the receiver asked for. */
function pause(attempts: number, asked: number | undefined): number {
  const doubled = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1))
  return Math.max(doubled * (1 + Math.random() / 2), Math.min(asked ?? 0, LONGEST_PAUSE_MS))
}

async function isPrompt(trx: Parameters<typeof store.lockPosition>[0], model: string): Promise<boolean> {
  const row = await trx.selectFrom('registered_model_tags').select('value').where('name', '=', model).where('key', '=', 'mlflow.prompt.is_prompt').executeTakeFirst()
  return row?.value === 'true'
}

export type WebhookStatus = 'ACTIVE' | 'DISABLED'
export type DeliveryStatus = 'pending' | 'delivered' | 'failed'

/** Times are milliseconds since 1970. */
export interface WebhookTables {
  webhooks: {
    webhook_id: string
    name: string
    description: string | null
    url: string
    /** What deliveries are signed with; no answer ever holds it. */
    secret: string | null
    status: WebhookStatus
    creation_time: number
    last_update_time: number
  }
  webhook_events: { webhook_id: string; entity: string; action: string }
  /** What is to be sent, and the log of what was. One for each webhook and event. */
  webhook_deliveries: {
    delivery_id: string
    webhook_id: string
    /** Of the event in the outbox. */
    seq: number
    event: string
    payload: string
    status: DeliveryStatus
    attempts: number
    creation_time: number
    /** When it is due; where an attempt is under way, when that one is given up for lost. */
    next_attempt: number
    last_attempt: number | null
    response_status: number | null
    error: string | null
  }
}

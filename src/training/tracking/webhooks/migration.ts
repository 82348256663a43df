export const WEBHOOKS = [
  `create table webhooks (
    webhook_id text primary key, name text not null, description text, url text not null, secret text, status text not null,
    creation_time bigint not null, last_update_time bigint not null)`,
  `create table webhook_events (
    webhook_id text not null references webhooks on delete cascade, entity text not null, action text not null, primary key (webhook_id, entity, action))`,
  `create table webhook_deliveries (
    delivery_id text primary key, webhook_id text not null references webhooks on delete cascade, seq bigint not null, event text not null, payload text not null,
    status text not null, attempts integer not null, creation_time bigint not null, next_attempt bigint not null, last_attempt bigint, response_status integer, error text,
    unique (webhook_id, seq, event))`,
  `create index webhook_deliveries_due on webhook_deliveries (status, next_attempt)`,
  `create index webhook_deliveries_by_time on webhook_deliveries (webhook_id, creation_time desc, delivery_id)`,
]

/** What takes them away again. */
export const WITHOUT_WEBHOOKS = ['webhook_deliveries', 'webhook_events', 'webhooks'].map((table) => `drop table ${table}`)

import { sql } from 'kysely'
import type { Migration } from '../platform/db/index.ts'
import { createEventsTables } from '../platform/events/outbox.ts'
import { PURGED_POINTS, TRANSFER, WITHOUT_PURGED_POINTS, WITHOUT_TRANSFER } from './transfer/migration.ts'
import { runDocuments } from './tracking/runs/migration.ts'
import { TRACES, WITHOUT_TRACES } from './tracking/traces/migration.ts'
import { WEBHOOKS, WITHOUT_WEBHOOKS } from './tracking/webhooks/migration.ts'

const TRACKING = [
  `create table counters (name text primary key, value bigint not null)`,
  `create table experiments (
    experiment_id bigint primary key, name text not null unique, artifact_location text not null, lifecycle_stage text not null,
    creation_time bigint not null, last_update_time bigint not null)`,
  `create table experiment_tags (
    experiment_id bigint not null references experiments on delete cascade, key text not null, value text not null, primary key (experiment_id, key))`,
  `create table runs (
    run_id text primary key, experiment_id bigint not null references experiments on delete cascade, run_name text not null, user_id text not null,
    status text not null, start_time bigint not null, end_time bigint, artifact_uri text not null, lifecycle_stage text not null)`,
  `create index runs_by_time on runs (experiment_id, lifecycle_stage, start_time desc, run_id)`,
  `create table run_tags (run_id text not null references runs on delete cascade, key text not null, value text not null, primary key (run_id, key))`,
  // Values of tags may be longer than a B-tree entry may be in PostgreSQL (2,704 bytes): the index holds their beginning.
  `create index run_tags_by_value on run_tags (key, substr(value, 1, 200))`,
  `create table params (run_id text not null references runs on delete cascade, key text not null, value text not null, primary key (run_id, key))`,
  `create index params_by_value on params (key, substr(value, 1, 200))`,
  `create table metrics (
    run_id text not null references runs on delete cascade, key text not null, timestamp bigint not null, step bigint not null,
    value double precision not null, is_nan integer not null, primary key (run_id, key, step, timestamp, value, is_nan))`,
  `create table latest_metrics (
    run_id text not null references runs on delete cascade, key text not null, timestamp bigint not null, step bigint not null,
    value double precision not null, is_nan integer not null, primary key (run_id, key))`,
  `create index latest_metrics_by_value on latest_metrics (key, value)`,
  `create table datasets (
    dataset_id text primary key, experiment_id bigint not null references experiments on delete cascade, name text not null, digest text not null,
    source_type text not null, source text not null, schema text, profile text, unique (experiment_id, name, digest))`,
  `create table run_datasets (
    run_id text not null references runs on delete cascade, dataset_id text not null references datasets on delete cascade, context text,
    tags text not null, primary key (run_id, dataset_id))`,
  `create table run_models (
    run_id text not null references runs on delete cascade, model_id text not null, kind text not null, step bigint not null,
    primary key (run_id, model_id, kind))`,
  `create table logged_models (
    model_id text primary key, experiment_id bigint not null references experiments on delete cascade, name text not null, artifact_location text not null,
    creation_time bigint not null, last_update_time bigint not null, model_type text not null, source_run_id text not null, status text not null,
    status_message text, lifecycle_stage text not null)`,
  `create index logged_models_by_time on logged_models (experiment_id, creation_time desc)`,
  `create table logged_model_tags (
    model_id text not null references logged_models on delete cascade, key text not null, value text not null, primary key (model_id, key))`,
  `create table logged_model_params (
    model_id text not null references logged_models on delete cascade, key text not null, value text not null, primary key (model_id, key))`,
  `create table logged_model_metrics (
    model_id text not null references logged_models on delete cascade, run_id text not null, key text not null, timestamp bigint not null,
    step bigint not null, value double precision not null, is_nan integer not null, dataset_name text not null, dataset_digest text not null,
    primary key (model_id, key, step, timestamp, run_id))`,
]

const REGISTRY = [
  `create table registered_models (
    name text primary key, description text, creation_time bigint not null, last_update_time bigint not null, last_version bigint not null)`,
  `create table registered_model_tags (
    name text not null references registered_models on delete cascade on update cascade, key text not null, value text not null, primary key (name, key))`,
  `create table model_versions (
    name text not null references registered_models on delete cascade on update cascade, version bigint not null, source text not null,
    storage_location text not null, run_id text, model_id text, run_link text, description text, stage text not null, creation_time bigint not null,
    last_update_time bigint not null, primary key (name, version))`,
  `create index model_versions_by_run on model_versions (run_id)`,
  `create index model_versions_by_time on model_versions (last_update_time desc, name, version desc)`,
  `create table model_version_tags (
    name text not null, version bigint not null, key text not null, value text not null, primary key (name, version, key),
    foreign key (name, version) references model_versions on delete cascade on update cascade)`,
  `create table aliases (
    name text not null, alias text not null, version bigint not null, primary key (name, alias),
    foreign key (name, version) references model_versions on delete cascade on update cascade)`,
  `create table alias_history (
    name text not null, seq bigint not null, alias text not null, version bigint, previous bigint, actor text not null, reason text not null,
    time bigint not null, wall_time bigint not null, primary key (name, seq))`,
]

/** Files of registered versions, and what else the history of aliases tells. */
const INTEGRITY = [
  `create table model_manifests (
    name text not null, version bigint not null, location text not null, digest text not null, files text not null, size bigint not null,
    sealed_at bigint not null, primary key (name, version), foreign key (name, version) references model_versions on delete cascade on update cascade)`,
  `create index model_manifests_by_location on model_manifests (location)`,
  `alter table alias_history add column kind text not null default 'set'`,
  `alter table alias_history add column overridden text`,
]

const WITHOUT_INTEGRITY = [`drop table model_manifests`, `alter table alias_history drop column kind`, `alter table alias_history drop column overridden`]

const all = (statements: readonly string[]): Migration['up'] => async (db) => {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const run = (name: string, statements: readonly string[], undo?: readonly string[]): Migration => ({
  name,
  up: all(statements),
  ...(undo === undefined ? {} : { down: all(undo) }),
})

export const migrations: readonly Migration[] = [run('001-tracking', TRACKING), run('002-registry', REGISTRY), { name: '003-events', up: createEventsTables }, run('004-registry-integrity', INTEGRITY, WITHOUT_INTEGRITY), run('005-webhooks', WEBHOOKS, WITHOUT_WEBHOOKS), run('008-transfer', TRANSFER, WITHOUT_TRANSFER), runDocuments, run('006-traces', TRACES, WITHOUT_TRACES), run('010-purged-points', PURGED_POINTS, WITHOUT_PURGED_POINTS)]

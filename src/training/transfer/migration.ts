const DELETED = [
  ['run', 'run_id', 'runs'],
  ['logged_model', 'model_id', 'logged_models'],
  ['experiment', 'cast(experiment_id as text)', 'experiments'],
] as const

/** What has been copied from other servers, and since when something is deleted. */
export const TRANSFER: readonly string[] = [
  `create table import_marks (
    source text not null, kind text not null, id text not null, fingerprint text not null, content text not null, primary key (source, kind, id))`,
  `create table deletions (kind text not null, id text not null, time bigint not null, primary key (kind, id))`,
  `create index deletions_by_time on deletions (time)`,
  // What was deleted before anybody wrote down when counts from the upgrade on.
  ...DELETED.map(([kind, id, table]) => `insert into deletions select '${kind}', ${id}, ${Date.now()} from ${table} where lifecycle_stage = 'deleted'`),
  `create table purges (kind text not null, id text not null, artifact_key text, time bigint not null, primary key (kind, id))`,
]

export const WITHOUT_TRANSFER: readonly string[] = ['import_marks', 'deletions', 'purges'].map((table) => `drop table ${table}`)

/** How many points of a run are gone while it is being removed: told when all of it is. */
export const PURGED_POINTS: readonly string[] = [`alter table purges add column points bigint not null default 0`]
export const WITHOUT_PURGED_POINTS: readonly string[] = [`alter table purges drop column points`]

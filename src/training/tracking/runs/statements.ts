import { insertStatement, statement } from '../../../platform/db/index.ts'

/** The statements of the hot paths: each is prepared once. Runs are locked in order of their ids, so that writers wait for one another and do not deadlock. */
const RUN = { run_id: 'text' } as const
const PAIR = { run_id: 'text', key: 'text', value: 'text' } as const
const POINT = { run_id: 'text', key: 'text', timestamp: 'bigint', step: 'bigint', value: 'double precision', is_nan: 'bigint' } as const

export const FIND_EXPERIMENTS = statement<[id: number, stage: string, location: string]>(
  { experiment_id: 'bigint' },
  `select experiment_id, lifecycle_stage, artifact_location from experiments where experiment_id in (select given.experiment_id from {given})`,
)

export const INSERT_RUNS = insertStatement('runs', {
  run_id: 'text',
  experiment_id: 'bigint',
  run_name: 'text',
  user_id: 'text',
  status: 'text',
  start_time: 'bigint',
  artifact_uri: 'text',
  lifecycle_stage: 'text',
})

export const LOCK_RUNS = statement<[id: string, stage: string, name: string, experimentId: number]>(
  RUN,
  `select run_id, lifecycle_stage, run_name, experiment_id from runs where run_id in (select given.run_id from {given}) order by run_id for update`,
)

/** Makes what is kept of a run outside its tables, its document and its histories, out of date. */
export const TOUCH_RUNS = statement(RUN, `update runs set revision = revision + 1 where run_id in (select given.run_id from {given})`)

export const RENAME_RUNS = statement({ run_id: 'text', run_name: 'text' }, `update runs set run_name = given.run_name from {given} where runs.run_id = given.run_id`)

export const FIND_PARAMS = statement<[runId: string, key: string, value: string]>(
  { run_id: 'text', key: 'text' },
  `select params.run_id, params.key, params.value from {given} inner join params on params.run_id = given.run_id and params.key = given.key`,
)

export const INSERT_PARAMS = insertStatement('params', PAIR, 'do nothing')
export const UPSERT_TAGS = insertStatement('run_tags', PAIR, '(run_id, key) do update set value = excluded.value')

/** A point that is there already stays one. */
export const INSERT_METRICS = insertStatement('metrics', POINT, 'do nothing')

export const UPSERT_LATEST = insertStatement(
  'latest_metrics',
  { ...POINT, experiment_id: 'bigint' },
  `(run_id, key) do update set timestamp = excluded.timestamp, step = excluded.step, value = excluded.value, is_nan = excluded.is_nan
    where (excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`,
)

/** The document is null where there is none or it is out of date. */
export const FIND_DOCUMENTS = statement<[id: string, revision: number, document: string | null]>(
  RUN,
  `select runs.run_id, runs.revision, run_documents.document from {given} inner join runs on runs.run_id = given.run_id
    left join run_documents on run_documents.run_id = runs.run_id and run_documents.revision = runs.revision`,
)

/** Of two that were built at once the newer stays; one of a run that has gone meanwhile is not kept. */
export const KEEP_DOCUMENTS = statement(
  { run_id: 'text', revision: 'bigint', document: 'text' },
  `insert into run_documents (run_id, revision, document) select given.run_id, given.revision, given.document from {given}
    where exists (select 1 from runs where runs.run_id = given.run_id)
    on conflict (run_id) do update set revision = excluded.revision, document = excluded.document where excluded.revision > run_documents.revision`,
)

export const FIND_REVISIONS = statement<[revision: number]>(RUN, `select runs.revision from {given} inner join runs on runs.run_id = given.run_id`)

/** Points of one metric that a read takes at once. */
export const POINTS_AT_ONCE = 1000

type Point = [timestamp: number, step: number, isNan: number, value: number]

const POINTS = `select metrics.timestamp, metrics.step, metrics.is_nan, metrics.value from {given} inner join metrics on metrics.run_id = given.run_id and metrics.key = given.key`
const IN_ORDER = `order by metrics.timestamp, metrics.step, metrics.is_nan, metrics.value limit ${POINTS_AT_ONCE + 1}`

export const FIRST_POINTS = statement<Point>({ run_id: 'text', key: 'text' }, `${POINTS} ${IN_ORDER}`)

export const POINTS_AFTER = statement<Point>(
  { run_id: 'text', key: 'text', timestamp: 'bigint', step: 'bigint', is_nan: 'bigint', value: 'double precision' },
  `${POINTS} where (metrics.timestamp, metrics.step, metrics.is_nan, metrics.value) > (given.timestamp, given.step, given.is_nan, given.value) ${IN_ORDER}`,
)

import { type Selectable, type SqlBool, sql } from 'kysely'
import type { Queries, TrackingSchema } from '../tables.ts'

export type Kind = 'run' | 'logged_model' | 'experiment'
/** The order in which things go: a run's models while the run can still say that they do, an experiment when it is empty. */
export const KINDS = ['logged_model', 'run', 'experiment'] as const satisfies readonly Kind[]

export interface Wanted {
  /** Deleted at this moment or before. */
  readonly before: number
  /** undefined: whatever is deleted. */
  readonly runs: readonly string[] | undefined
  readonly models: readonly string[] | undefined
  readonly experiments: readonly string[] | undefined
}

export type Purge = Selectable<TrackingSchema['purges']>

export interface Candidate {
  readonly kind: Kind
  readonly id: string
  readonly name: string
  readonly location: string
}

/** A page of what is deleted and may go, by id. */
export async function candidates(db: Queries, kind: Kind, wanted: Wanted, after: string, limit: number): Promise<readonly Candidate[]> {
  const named = wanted.runs !== undefined || wanted.models !== undefined || wanted.experiments !== undefined
  const parts = kind === 'run' ? runs(db, wanted, named) : kind === 'logged_model' ? models(db, wanted, named) : experiments(db, wanted, named)
  const { rows } = await sql<{ id: string; name: string; location: string }>`
    select id, name, location from (${parts}) as found where id > ${after} order by id limit ${sql.lit(limit)}`.execute(db)
  return rows.map((row) => ({ kind, ...row }))
}

const nothing = sql<SqlBool>`1 = 0`
const among = (column: string, list: readonly string[] | undefined) => (list === undefined || list.length === 0 ? nothing : sql<SqlBool>`${sql.ref(column)} in (${sql.join(list)})`)

function runs(_db: Queries, { before, runs: ids, experiments: of }: Wanted, named: boolean) {
  const which = named ? sql`(${among('run_id', ids)} or ${of === undefined || of.length === 0 ? nothing : sql`cast(experiment_id as text) in (${sql.join(of)})`})` : sql`1 = 1`
  return sql`select run_id as id, run_name as name, artifact_uri as location from runs
    inner join deletions on deletions.kind = 'run' and deletions.id = runs.run_id
    where lifecycle_stage = 'deleted' and deletions.time <= ${before} and ${which}`
}

/** Deleted ones, and those that a run made which goes. */
function models(_db: Queries, { before, runs: ids, models: own, experiments: of }: Wanted, named: boolean) {
  const ofExperiment = of === undefined || of.length === 0 ? nothing : sql`cast(logged_models.experiment_id as text) in (${sql.join(of)})`
  const which = named ? sql`(${among('model_id', own)} or ${among('source_run_id', ids)} or ${ofExperiment})` : sql`1 = 1`
  return sql`select model_id as id, logged_models.name as name, artifact_location as location from logged_models
    left join deletions on deletions.kind = 'logged_model' and deletions.id = model_id
    left join runs on runs.run_id = source_run_id
    left join deletions as of_run on of_run.kind = 'run' and of_run.id = source_run_id
    where ${which} and (
      (logged_models.lifecycle_stage = 'deleted' and deletions.time <= ${before})
      or (runs.lifecycle_stage = 'deleted' and of_run.time <= ${before}))`
}

function experiments(_db: Queries, { before, experiments: ids }: Wanted, named: boolean) {
  const which = named ? (ids === undefined || ids.length === 0 ? nothing : sql`cast(experiment_id as text) in (${sql.join(ids)})`) : sql`1 = 1`
  return sql`select cast(experiment_id as text) as id, name, artifact_location as location from experiments
    inner join deletions on deletions.kind = 'experiment' and deletions.id = cast(experiment_id as text)
    where lifecycle_stage = 'deleted' and deletions.time <= ${before} and ${which}`
}

/** Why something must stay, in words; undefined where it may go. */
export async function whyHeld(db: Queries, { kind, id, location }: Candidate): Promise<string | undefined> {
  if (kind === 'experiment') {
    const { rows } = await sql<{ n: number }>`select count(*) as n from (select run_id from runs where experiment_id = cast(${id} as bigint)
      union all select model_id from logged_models where experiment_id = cast(${id} as bigint)) as inside`.execute(db)
    const inside = Number(rows[0]?.n)
    return inside === 0 ? undefined : `${inside} ${inside === 1 ? 'run or model' : 'runs and models'} in it stay`
  }
  const version = await db
    .selectFrom('model_versions')
    .select(['name', 'version'])
    .where((e) =>
      e.or([
        e(kind === 'run' ? 'run_id' : 'model_id', '=', id),
        e('storage_location', '=', location),
        sql<SqlBool>`substr(storage_location, 1, cast(${location.length + 1} as integer)) = ${`${location}/`}`,
      ]),
    )
    .limit(1)
    .executeTakeFirst()
  if (version !== undefined) return `version ${version.version} of ${version.name} is registered from it`
  if (kind === 'run') {
    const model = await db.selectFrom('logged_models').innerJoin('model_versions', 'model_versions.model_id', 'logged_models.model_id').select(['model_versions.name', 'version']).where('source_run_id', '=', id).limit(1).executeTakeFirst()
    return model === undefined ? undefined : `version ${model.version} of ${model.name} is registered from its model`
  }
  const user = await db
    .selectFrom('run_models')
    .innerJoin('runs', 'runs.run_id', 'run_models.run_id')
    .select('runs.run_id')
    .where('model_id', '=', id)
    .where('run_models.kind', '=', 'input')
    .where('lifecycle_stage', '=', 'active')
    .limit(1)
    .executeTakeFirst()
  return user === undefined ? undefined : `run ${user.run_id} used it`
}

/** Points of a run, of which the first so many go at once: fewer than a second of work, and no more memory than that. */
const POINTS_AT_ONCE = 10_000

/** Removes some of the points of a run that is being removed, and counts them; whether there are more. */
export async function removePoints(trx: Queries, runId: string): Promise<boolean> {
  const { rows } = await sql<{ key: string; timestamp: number; step: number; is_nan: number; value: number }>`
    select key, timestamp, step, is_nan, value from metrics where run_id = ${runId}
    order by key, timestamp, step, is_nan, value limit 1 offset ${sql.lit(POINTS_AT_ONCE)}`.execute(trx)
  const [next] = rows
  const below = next === undefined ? sql`1 = 1` : sql`(key, timestamp, step, is_nan, value) < (${next.key}, cast(${next.timestamp} as bigint), cast(${next.step} as bigint), cast(${next.is_nan} as integer), cast(${next.value} as double precision))`
  const { numAffectedRows = 0n } = await sql`delete from metrics where run_id = ${runId} and ${below}`.execute(trx)
  await trx.updateTable('purges').set((e) => ({ points: e('points', '+', Number(numAffectedRows)) })).where('kind', '=', 'run').where('id', '=', runId).execute()
  return next !== undefined
}

export function countPoints(db: Queries, runId: string): Promise<number> {
  return db
    .selectFrom('metrics')
    .select((e) => e.fn.countAll().as('n'))
    .where('run_id', '=', runId)
    .executeTakeFirstOrThrow()
    .then(({ n }) => Number(n))
}

/** Strikes out what was written down; what that was, undefined where somebody else has done so. */
export function forget(db: Queries, kind: Kind, id: string): Promise<Purge | undefined> {
  return db.deleteFrom('purges').where('kind', '=', kind).where('id', '=', id).returningAll().executeTakeFirst()
}

/** The last of something: its row, and by foreign key what hangs on it. */
export async function removeRow(trx: Queries, kind: Kind, id: string): Promise<void> {
  if (kind === 'run') await trx.deleteFrom('runs').where('run_id', '=', id).execute()
  else if (kind === 'logged_model') await trx.deleteFrom('logged_models').where('model_id', '=', id).execute()
  else await trx.deleteFrom('experiments').where('experiment_id', '=', Number(id)).execute()
}

/** Makes a concurrent restoration wait; whether the thing is still deleted, or is a model whose run is. */
export async function lockDeleted(trx: Queries, { kind, id }: Candidate): Promise<boolean> {
  const query =
    kind === 'run'
      ? trx.updateTable('runs').set((e) => ({ revision: e('revision', '+', 1) })).where('run_id', '=', id).where('lifecycle_stage', '=', 'deleted')
      : kind === 'logged_model'
        ? trx
            .updateTable('logged_models')
            .set((e) => ({ name: e.ref('name') }))
            .where('model_id', '=', id)
            .where((e) => e.or([e('lifecycle_stage', '=', 'deleted'), e('source_run_id', 'in', e.selectFrom('runs').select('run_id').where('lifecycle_stage', '=', 'deleted'))]))
        : trx.updateTable('experiments').set((e) => ({ name: e.ref('name') })).where('experiment_id', '=', Number(id)).where('lifecycle_stage', '=', 'deleted')
  return (await query.executeTakeFirst()).numUpdatedRows > 0n
}

/** A model that goes with its run is found by nobody from now on. */
export async function hideModel(trx: Queries, id: string): Promise<void> {
  await trx.updateTable('logged_models').set({ lifecycle_stage: 'deleted' }).where('model_id', '=', id).execute()
}

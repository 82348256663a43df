import { type RawBuilder, type Selectable, sql } from 'kysely'
import type { Experiment, ViewType } from '../../../api/tracking.ts'
import { type Clause, type Condition, EXPERIMENTS, type Order, type SortKey, ascending, compare, descending, impossible, parseFilter, parseOrders, readPage, related } from '../../search/index.ts'
import { groupBy, inChunks } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'

export type ExperimentRow = Selectable<TrackingSchema['experiments']>

const TAGS = { table: 'experiment_tags', columns: ['experiment_id'], owner: 'experiments' }
const column = (name: string) => sql.ref(`experiments.${name}`)

export function findExperiment(db: Queries, by: { readonly id: number } | { readonly name: string }): Promise<ExperimentRow | undefined> {
  const query = db.selectFrom('experiments').selectAll()
  return ('id' in by ? query.where('experiment_id', '=', by.id) : query.where('name', '=', by.name)).executeTakeFirst()
}

/** undefined where the name is taken. */
export async function insertExperiment(trx: Queries, row: ExperimentRow): Promise<ExperimentRow | undefined> {
  return trx.insertInto('experiments').values(row).onConflict((c) => c.doNothing()).returningAll().executeTakeFirst()
}

export async function updateExperiment(trx: Queries, id: number, change: Partial<Pick<ExperimentRow, 'name' | 'lifecycle_stage' | 'last_update_time'>>): Promise<void> {
  await trx.updateTable('experiments').set(change).where('experiment_id', '=', id).execute()
}

export async function setRunsLifecycle(trx: Queries, id: number, stage: ExperimentRow['lifecycle_stage']): Promise<void> {
  await trx.updateTable('runs').set((e) => ({ lifecycle_stage: stage, revision: e('revision', '+', 1) })).where('experiment_id', '=', id).execute()
}

export async function upsertExperimentTag(trx: Queries, id: number, key: string, value: string): Promise<void> {
  await trx
    .insertInto('experiment_tags')
    .values({ experiment_id: id, key, value })
    .onConflict((c) => c.columns(['experiment_id', 'key']).doUpdateSet({ value }))
    .execute()
}

export async function deleteExperimentTag(trx: Queries, id: number, key: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('experiment_tags').where('experiment_id', '=', id).where('key', '=', key).executeTakeFirst()
  return numDeletedRows > 0n
}

export async function presentExperiments(db: Queries, rows: readonly ExperimentRow[]): Promise<readonly Experiment[]> {
  const ids = rows.map((row) => row.experiment_id)
  const tags = await inChunks(ids, (chunk) => db.selectFrom('experiment_tags').selectAll().where('experiment_id', 'in', chunk).orderBy('key').execute())
  const tagsOf = groupBy(tags, (tag) => tag.experiment_id)
  return rows.map((row) => ({
    ...row,
    experiment_id: String(row.experiment_id),
    tags: (tagsOf.get(row.experiment_id) ?? []).map(({ key, value }) => ({ key, value })),
  }))
}

export interface ExperimentSearch {
  readonly filter: string | undefined
  readonly orderBy: readonly string[] | undefined
  readonly view: ViewType
  readonly limit: number
  readonly token: string | undefined
}

export async function searchExperiments(db: Queries, { filter, orderBy, view, limit, token }: ExperimentSearch) {
  const where = parseFilter(EXPERIMENTS, filter).map(condition)
  if (view !== 'ALL') where.push(sql`experiments.lifecycle_stage = ${view === 'ACTIVE_ONLY' ? 'active' : 'deleted'}`)
  const { rows: ids, next } = await readPage<{ id: number }>(db, {
    select: sql`experiments.experiment_id as id`,
    from: sql`experiments`,
    where,
    order: sortKeys(parseOrders(EXPERIMENTS, orderBy)),
    limit,
    token,
    question: ['experiments', filter ?? '', orderBy ?? [], view],
  })
  const found = await inChunks(ids.map(({ id }) => id), (chunk) => db.selectFrom('experiments').selectAll().where('experiment_id', 'in', chunk).execute())
  const byId = new Map(found.map((row) => [row.experiment_id, row]))
  const rows = ids.flatMap(({ id }) => byId.get(id) ?? [])
  return { experiments: await presentExperiments(db, rows), next }
}

function condition(clause: Clause): Condition {
  if (clause.entity === 'tag') return related(TAGS, clause)
  if (clause.entity !== 'attribute') return impossible(clause)
  if (clause.key === 'experiment_id') return compare(sql`cast(experiments.experiment_id as text)`, clause)
  return compare(column(clause.key), clause)
}

function sortKeys(orders: readonly Order[]): readonly SortKey[] {
  const keys = orders.map(({ key, descending: down }): SortKey => {
    const expression: RawBuilder<unknown> = column(key)
    return { expression, type: key === 'name' ? 'string' : 'number', descending: down }
  })
  if (orders.some(({ key }) => key === 'experiment_id')) return keys
  if (orders.length > 0) return [...keys, descending('number', column('experiment_id'))]
  return [descending('number', column('creation_time')), ascending('number', column('experiment_id'))]
}

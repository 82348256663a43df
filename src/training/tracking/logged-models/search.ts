import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { LoggedModel } from '../../../api/tracking.ts'
import { type Clause, type Condition, LOGGED_MODELS, type SortKey, ascending, compare, compareMetric, descending, impossible, parseFilter, parseOrder, readPage, related } from '../../search/index.ts'
import { inChunks } from '../../store.ts'
import type { Queries } from '../../tables.ts'
import { presentModels } from './store.ts'

export interface DatasetFilter {
  readonly dataset_name: string
  readonly dataset_digest?: string
}

export interface ModelOrder {
  readonly field_name: string
  readonly ascending?: boolean
  readonly dataset_name?: string
  readonly dataset_digest?: string
}

export interface ModelSearch {
  readonly experimentIds: readonly number[]
  readonly filter: string | undefined
  readonly datasets: readonly DatasetFilter[]
  readonly orderBy: readonly ModelOrder[]
  readonly limit: number
  readonly token: string | undefined
}

const COLUMNS: Readonly<Record<string, string>> = { creation_timestamp: 'creation_time', last_updated_timestamp: 'last_update_time' }
const column = (key: string) => sql.ref(`logged_models.${COLUMNS[key] ?? key}`)
const owned = (table: string) => ({ table, columns: ['model_id'], owner: 'logged_models' })

/** Logged models of the experiments, a page at a time. `datasets` narrows the metrics that filter and order look at. */
export async function searchModels(db: Queries, search: ModelSearch): Promise<{ readonly models: readonly LoggedModel[]; readonly next: string | undefined }> {
  const { experimentIds, filter, datasets, orderBy, limit, token } = search
  const clauses = parseFilter(LOGGED_MODELS, filter)
  const order = orderBy.map(sortKeys).flat()
  if (experimentIds.length === 0) return { models: [], next: undefined }
  const where: Condition[] = clauses.map((clause) => condition(clause, datasets))
  where.push(sql`logged_models.experiment_id in (${sql.join(experimentIds)})`, sql`logged_models.lifecycle_stage = 'active'`)
  if (datasets.length > 0 && !clauses.some(({ entity }) => entity === 'metric')) {
    where.push(sql`exists (select 1 from logged_model_metrics as x where x.model_id = logged_models.model_id and ${onDatasets(datasets)})`)
  }
  const { rows: ids, next } = await readPage<{ id: string }>(db, {
    select: sql`logged_models.model_id as id`,
    from: sql`logged_models`,
    where,
    order: [...order, descending('number', column('creation_timestamp')), ascending('string', column('model_id'))],
    limit,
    token,
    question: ['models', experimentIds, filter ?? '', datasets, orderBy],
  })
  const found = await inChunks(ids.map(({ id }) => id), (chunk) => db.selectFrom('logged_models').selectAll().where('model_id', 'in', chunk).execute())
  const byId = new Map(found.map((row) => [row.model_id, row]))
  return { models: await presentModels(db, ids.flatMap(({ id }) => byId.get(id) ?? [])), next }
}

function condition(clause: Clause, datasets: readonly DatasetFilter[]): Condition {
  switch (clause.entity) {
    case 'tag':
      return related(owned('logged_model_tags'), clause)
    case 'param':
      return related(owned('logged_model_params'), clause)
    case 'metric':
      return sql`exists (select 1 from logged_model_metrics as x where x.model_id = logged_models.model_id and x.key = ${clause.key}
        and ${compareMetric('x', clause)} and ${onDatasets(datasets)})`
    case 'attribute':
      return compare(clause.key === 'status' ? sql`replace(logged_models.status, 'LOGGED_MODEL_', '')` : column(clause.key), clause)
    default:
      return impossible(clause)
  }
}

function onDatasets(datasets: readonly DatasetFilter[]): Condition {
  if (datasets.length === 0) return sql`1 = 1`
  const each = datasets.map(({ dataset_name, dataset_digest }) =>
    dataset_digest ? sql<SqlBool>`(x.dataset_name = ${dataset_name} and x.dataset_digest = ${dataset_digest})` : sql<SqlBool>`x.dataset_name = ${dataset_name}`,
  )
  return sql`(${sql.join(each, sql` or `)})`
}

function sortKeys(order: ModelOrder): readonly SortKey[] {
  const { entity, key } = parseOrder(LOGGED_MODELS, order.field_name)
  const down = order.ascending === false
  if (entity === 'attribute') {
    return [{ expression: column(key), type: key.endsWith('_timestamp') ? 'number' : 'string', descending: down }]
  }
  const value = entity === 'metric' ? metricValue(key, order) : pairValue(entity === 'tag' ? 'logged_model_tags' : 'logged_model_params', key)
  const numeric = entity === 'metric'
  return [
    ascending('number', sql`case when ${value} is null then 1 else 0 end`),
    { expression: sql`coalesce(${value}, ${numeric ? sql`0` : sql`''`})`, type: numeric ? 'number' : 'string', descending: down },
  ]
}

/** The latest point of the metric, on the data set if one is named. */
function metricValue(key: string, { dataset_name, dataset_digest }: ModelOrder): RawBuilder<unknown> {
  const datasets = dataset_name ? [{ dataset_name, ...(dataset_digest ? { dataset_digest } : {}) }] : []
  return sql`(select x.value from logged_model_metrics as x where x.model_id = logged_models.model_id and x.key = ${key} and x.is_nan = 0
    and ${onDatasets(datasets)} order by x.step desc, x.timestamp desc, x.value desc limit 1)`
}

function pairValue(table: string, key: string): RawBuilder<unknown> {
  return sql`(select x.value from ${sql.table(table)} as x where x.model_id = logged_models.model_id and x.key = ${key})`
}

import { type SqlBool, sql } from 'kysely'
import { type Clause, type Condition, type Grammar, MODEL_VERSIONS, type Order, REGISTERED_MODELS, type SortKey, ascending, compare, descending, impossible, parseFilter, parseOrders, readPage, related } from '../search/index.ts'
import { inChunks } from '../store.ts'
import type { Queries } from '../tables.ts'
import { presentModels, presentVersions } from './present.ts'

/** Prompts are registered models with this tag; searches leave them out unless they ask for it. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt'

export function isPrompt(tags: readonly { readonly key: string; readonly value: string }[]): boolean {
  return tags.some(({ key, value }) => key === PROMPT_TAG && value.toLowerCase() === 'true')
}

export interface RegistrySearch {
  readonly filter: string | undefined
  readonly orderBy: readonly string[] | undefined
  readonly limit: number
  readonly token: string | undefined
}

export async function searchModels(db: Queries, { filter, orderBy, limit, token }: RegistrySearch) {
  const { rows: names, next } = await readPage<{ id: string }>(db, {
    select: sql`m.name as id`,
    from: sql`registered_models as m`,
    where: conditions(MODELS, filter),
    order: sortKeys(MODELS, parseOrders(MODELS.grammar, orderBy), [['name', false]]),
    limit,
    token,
    question: ['registered models', filter ?? '', orderBy ?? []],
  })
  const ids = names.map(({ id }) => id)
  const found = await inChunks(ids, (chunk) => db.selectFrom('registered_models').selectAll().where('name', 'in', chunk).execute())
  const byName = new Map(found.map((row) => [row.name, row]))
  return { models: await presentModels(db, ids.flatMap((id) => byName.get(id) ?? [])), next }
}

export async function searchVersions(db: Queries, { filter, orderBy, limit, token }: RegistrySearch) {
  const orders = parseOrders(VERSIONS.grammar, orderBy)
  const ties = [['name', false], ['version_number', true]] as const
  const { rows: ids, next } = await readPage<{ name: string; version: number }>(db, {
    select: sql`m.name, m.version`,
    from: sql`model_versions as m`,
    where: conditions(VERSIONS, filter),
    order: sortKeys(VERSIONS, orders, orders.length === 0 ? [['last_updated_timestamp', true], ...ties] : ties),
    limit,
    token,
    question: ['model versions', filter ?? '', orderBy ?? []],
  })
  const rows = await inChunks(ids, (chunk) =>
    db
      .selectFrom('model_versions')
      .selectAll()
      .where((e) => e(e.refTuple('name', 'version'), 'in', chunk.map(({ name, version }) => e.tuple(name, version))))
      .execute(),
  )
  const byKey = new Map(rows.map((row) => [JSON.stringify([row.name, row.version]), row]))
  return { versions: await presentVersions(db, ids.flatMap(({ name, version }) => byKey.get(JSON.stringify([name, version])) ?? [])), next }
}

/** What differs between the two searches; both tables are called `m`. */
interface Kind {
  readonly grammar: Grammar
  readonly columns: Readonly<Record<string, string>>
  readonly tags: { readonly table: string; readonly columns: readonly string[]; readonly owner: 'm' }
}

const TIMES = { creation_timestamp: 'creation_time', last_updated_timestamp: 'last_update_time' }
const MODELS: Kind = { grammar: REGISTERED_MODELS, columns: { name: 'name', ...TIMES }, tags: { table: 'registered_model_tags', columns: ['name'], owner: 'm' } }
const VERSIONS: Kind = {
  grammar: MODEL_VERSIONS,
  columns: { name: 'name', run_id: 'run_id', source_path: 'source', version_number: 'version', ...TIMES },
  tags: { table: 'model_version_tags', columns: ['name', 'version'], owner: 'm' },
}

const column = (kind: Kind, key: string) => sql.ref(`m.${kind.columns[key] ?? key}`)

function conditions(kind: Kind, filter: string | undefined): readonly Condition[] {
  const clauses = parseFilter(kind.grammar, filter)
  const isPrompt = sql<SqlBool>`exists (select 1 from registered_model_tags as p where p.name = m.name and p.key = ${PROMPT_TAG} and p.value = 'true')`
  const asked = clauses.some((clause) => clause.entity === 'tag' && clause.key === PROMPT_TAG)
  const where = clauses.map((clause) => condition(kind, clause))
  return asked ? where : [...where, sql`not ${isPrompt}`]
}

function condition(kind: Kind, clause: Clause): Condition {
  if (clause.entity === 'attribute') return compare(column(kind, clause.key), clause)
  if (clause.entity !== 'tag') return impossible(clause)
  const tagged = related(kind.tags, clause)
  if (clause.key !== PROMPT_TAG || clause.operator !== '!=') return tagged
  // Unlike other tags this one keeps what has no such tag: that is how MLflow's clients ask for models.
  return sql`(${tagged} or ${related(kind.tags, { ...clause, type: 'presence', operator: 'IS NULL' })})`
}

function sortKeys(kind: Kind, orders: readonly Order[], ties: readonly (readonly [string, boolean])[]): readonly SortKey[] {
  const numeric = (key: string) => kind.grammar.attributes[key] === 'number'
  const asked = orders.flatMap(({ key, descending: down }): readonly SortKey[] => {
    const type = numeric(key) ? 'number' : 'string'
    if (key !== 'run_id') return [{ expression: column(kind, key), type, descending: down }]
    return [ascending('number', sql`case when m.run_id is null then 1 else 0 end`), { expression: sql`coalesce(m.run_id, '')`, type, descending: down }]
  })
  const rest = ties
    .filter(([key]) => !orders.some((order) => order.key === key))
    .map(([key, down]) => (down ? descending : ascending)(numeric(key) ? 'number' : 'string', column(kind, key)))
  return [...asked, ...rest]
}

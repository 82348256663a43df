import type { GateCheck } from '../../api/events.ts'
import type { GateOutcome } from '../../api/registry.ts'
import type { RegistryConfig } from '../../domain/config.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { type Clause, type Grammar, parseFilter } from '../search/index.ts'
import type { Queries } from '../tables.ts'
import type { RegistryContext } from './context.ts'
import { type Facts, versionFacts } from './facts.ts'
import { findManifest } from './manifests.ts'
import type { VersionRow } from './store.ts'

/** What a version must satisfy before an alias may name it. */
export interface Gate {
  readonly alias: string
  /** null: every model. */
  readonly models: ReadonlySet<string> | null
  readonly requires: readonly { readonly rule: string; readonly clause: Clause }[]
}

/** A gate's conditions are clauses of the search language, on the version's tags and on its run's metrics, params and tags. */
const GATE: Grammar = {
  what: 'gate',
  entities: { attribute: 'attribute', attributes: 'attribute', tag: 'tag', tags: 'tag', metric: 'metric', metrics: 'metric', param: 'param', params: 'param' },
  attributes: { run_id: 'string', model_id: 'string', stage: 'string', digest: 'string', description: 'string' },
  orderedBy: [],
}

/** Throws CONFIG_INVALID for a condition that is none. */
export function gatesOf(declared: RegistryConfig['gates']): readonly Gate[] {
  return declared.map(({ alias, models, requires }, i): Gate => ({
    alias,
    models: models.includes('*') ? null : new Set(models),
    requires: requires.flatMap((rule, j) => {
      try {
        return parseFilter(GATE, rule).map((clause) => ({ rule: ruleText(clause), clause }))
      } catch (error) {
        throw new MillraceError('CONFIG_INVALID', `millrace.yaml: registry.gates[${i}].requires[${j}]: ${errorMessage(error)}`, { cause: error })
      }
    }),
  }))
}

/** One check for each condition of each gate of the alias; none where no gate is declared. */
export async function checkGates(db: Queries, gates: readonly Gate[], alias: string, row: VersionRow): Promise<readonly GateCheck[]> {
  const asked = gates.filter((gate) => gate.alias === alias && (gate.models === null || gate.models.has(row.name)))
  if (asked.length === 0) return []
  const facts = await versionFacts(db, row)
  const digest = (await findManifest(db, row.name, row.version))?.digest ?? null
  return asked.flatMap(({ requires }) => requires.map(({ rule, clause }) => check(rule, clause, valueOf(clause, row, facts, digest))))
}

/** What setting the alias would be told now; nothing is changed. */
export async function gateOutcome({ db, gates }: Pick<RegistryContext, 'db' | 'gates'>, row: VersionRow, alias: string): Promise<GateOutcome> {
  const checks = await checkGates(db.kysely, gates, alias, row)
  return { model: row.name, alias, version: String(row.version), passed: checks.every(({ passed }) => passed), checks }
}

function valueOf({ entity, key }: Clause, row: VersionRow, facts: Facts, digest: string | null): string | number | undefined {
  switch (entity) {
    case 'tag':
      return facts.tags.get(key)
    case 'metric':
      return facts.metrics.get(key)
    case 'param':
      return facts.params.get(key)
    case 'dataset':
      return undefined
    case 'attribute':
      return { run_id: row.run_id, model_id: row.model_id, stage: row.stage, description: row.description, digest }[key] ?? undefined
  }
}

function check(rule: string, clause: Clause, value: string | number | undefined): GateCheck {
  const name = `${clause.entity}.${clause.key}`
  return { name, passed: satisfies(clause, value), value: value === undefined ? 'missing' : typeof value === 'number' && !Number.isFinite(value) ? String(value) : value, rule }
}

/** What is missing satisfies only IS NULL, as in searches; NaN only !=. */
function satisfies(clause: Clause, value: string | number | undefined): boolean {
  if (clause.type === 'presence') return (value === undefined) === (clause.operator === 'IS NULL')
  if (value === undefined) return false
  switch (clause.type) {
    case 'list':
      return clause.value.includes(String(value)) === (clause.operator === 'IN')
    case 'string':
      if (clause.operator === 'LIKE' || clause.operator === 'ILIKE') return like(clause.value, clause.operator === 'ILIKE').test(String(value))
      return (String(value) === clause.value) === (clause.operator === '=')
    case 'number':
      return compares(Number(value), clause.operator, clause.value)
  }
}

function compares(value: number, operator: '=' | '!=' | '>' | '>=' | '<' | '<=', with_: number): boolean {
  switch (operator) {
    case '=':
      return value === with_
    case '!=':
      return value !== with_
    case '>':
      return value > with_
    case '>=':
      return value >= with_
    case '<':
      return value < with_
    case '<=':
      return value <= with_
  }
}

/** % is any text and _ any character. */
function like(pattern: string, ignoreCase: boolean): RegExp {
  const source = [...pattern].map((c) => (c === '%' ? '.*' : c === '_' ? '.' : c.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('')
  return new RegExp(`^${source}$`, ignoreCase ? 'isu' : 'su')
}

function ruleText(clause: Clause): string {
  const name = `${clause.entity === 'attribute' ? '' : `${clause.entity}s.`}${clause.key}`
  if (clause.type === 'presence') return `${name} ${clause.operator}`
  if (clause.type === 'list') return `${name} ${clause.operator} (${clause.value.map((one) => `'${one}'`).join(', ')})`
  return `${name} ${clause.operator} ${clause.type === 'number' ? clause.value : `'${clause.value}'`}`
}

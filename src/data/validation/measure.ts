import { type Check, type Measure } from '../../domain/contract/index.ts'
import { identifier } from '../../platform/duckdb/index.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import { type Engine, requireSelect, selectGuarded } from './engine.ts'
import { DATA, type ColumnState, type Layout } from './layout.ts'
import { breachOf } from './predicates.ts'

/** What was found: a number, null where there was nothing to measure, or why it could not be measured. */
export type Measured = { readonly value: number | null } | { readonly error: string }

/** A number that is asked of one relation; those that ask the same relation are answered by one pass. */
interface Question {
  readonly check: Check
  readonly aggregate: string
  readonly from: string
}

/**
 * Measures all checks in as few passes as possible: one for everything that each row or column decides, one for each text column with
 * patterns or sets (over its distinct values, which is far faster than testing every row), one for each key and each query.
 */
export async function measureAll(engine: Engine, checks: readonly Check[], layout: Layout, asOf: Date): Promise<ReadonlyMap<Check, Measured>> {
  const states = new Map(layout.columns.map((state) => [state.column.name, state]))
  const results = new Map<Check, Measured>()
  const questions: Question[] = []
  for (const check of checks) {
    const known = fromLayout(check.measure, layout, states)
    if (known !== undefined) results.set(check, { value: known })
    else if (check.measure.kind === 'query') results.set(check, await measureQuery(engine, check, check.measure.sql))
    else questions.push(await question(engine, check, checks, states, asOf, results))
  }
  const open = questions.filter((one) => !results.has(one.check))
  for (const group of Map.groupBy(open, (one) => one.from).values()) await answer(engine, group, results)
  return results
}

/** What the files' schemas and footers have told already. */
function fromLayout(measure: Measure, layout: Layout, states: ReadonlyMap<string, ColumnState>): number | undefined {
  const sum = (files: readonly { readonly rows: number }[]): number => files.reduce((total, file) => total + file.rows, 0)
  if (measure.kind === 'rowCount') return layout.rows
  if (measure.kind === 'otherColumns') {
    const paths = new Map([...layout.others.values()].flat().map((file) => [file.path, file]))
    return sum([...paths.values()])
  }
  if (!('column' in measure)) return undefined
  const state = states.get(measure.column)
  if (measure.kind === 'missingColumn') return sum(state?.missing ?? [])
  if (measure.kind === 'wrongType' && !(state?.textual && state.flag !== undefined && state.wrong.length === 0)) return sum(state?.wrong ?? [])
  return undefined
}

async function question(
  engine: Engine, check: Check, all: readonly Check[], states: ReadonlyMap<string, ColumnState>, asOf: Date, results: Map<Check, Measured>,
): Promise<Question> {
  const { measure } = check
  const breach = breachOf(measure, states)
  if (measure.kind === 'failedRows') {
    // Someone else's SQL is tried alone first, so that what is wrong with it stays its own.
    const error = await refusal(engine, `SELECT ${breach} FROM ${DATA}`)
    if (error !== undefined) results.set(check, { error })
  }
  if (breach !== undefined) {
    const column = 'column' in measure && measure.kind === 'invalidValues' ? measure.column : undefined
    const distinct = column !== undefined && states.get(column)?.type === 'VARCHAR' && all.some((other) => isSlow(other.measure, column))
    return distinct && column !== undefined
      ? { check, aggregate: `coalesce(sum(__n) FILTER (WHERE ${breach}), 0)`, from: distinctValues(column, states.get(column)) }
      : { check, aggregate: `count(*) FILTER (WHERE ${breach})`, from: DATA }
  }
  return { check, ...wholeTable(measure, states, asOf) }
}

function isSlow(measure: Measure, column: string): boolean {
  return measure.kind === 'invalidValues' && measure.column === column && measure.tests.some((test) => ['pattern', 'validValues', 'forbiddenValues'].includes(test.test))
}

function distinctValues(column: string, state: ColumnState | undefined): string {
  const keys = [identifier(column), ...(state?.flag === undefined ? [] : [identifier(state.flag)])].join(', ')
  return `(SELECT ${keys}, count(*) AS __n FROM ${DATA} GROUP BY ${keys})`
}

function wholeTable(measure: Measure, states: ReadonlyMap<string, ColumnState>, asOf: Date): Omit<Question, 'check'> {
  const column = 'column' in measure ? identifier(measure.column) : ''
  const flag = 'column' in measure ? states.get(measure.column)?.flag : undefined
  const usable = flag === undefined ? '' : ` FILTER (WHERE ${identifier(flag)})`
  const where = flag === undefined ? '' : ` WHERE ${identifier(flag)}`
  switch (measure.kind) {
    case 'duplicateValues':
      return { aggregate: 'coalesce(sum(__n - 1), 0)', from: repeatedKeys(measure.columns) }
    case 'age':
      return { aggregate: `${asOf.getTime() / 1000} - max(epoch(${column}))${usable}`, from: DATA }
    case 'gap':
      return {
        aggregate: 'coalesce(max(__gap), 0)',
        from: `(SELECT __moment - lag(__moment) OVER (ORDER BY __moment) AS __gap FROM (SELECT DISTINCT epoch(${column}) AS __moment FROM ${DATA}${where}))`,
      }
    case 'statistic':
      return { aggregate: `${statistic(measure, column)}${usable}`, from: DATA }
    default:
      return { aggregate: 'NULL', from: DATA }
  }
}

export function repeatedKeys(columns: readonly string[]): string {
  const keys = columns.map(identifier)
  return `(SELECT ${keys.join(', ')}, count(*) AS __n FROM ${DATA} WHERE ${keys.map((key) => `${key} IS NOT NULL`).join(' AND ')} GROUP BY ALL HAVING count(*) > 1)`
}

function statistic(measure: Extract<Measure, { kind: 'statistic' }>, column: string): string {
  switch (measure.statistic) {
    case 'mean':
      return `avg(${column})`
    case 'stddev':
      return `stddev_samp(${column})`
    case 'quantile':
      return `quantile_cont(${column}, ${measure.quantile ?? 0.5})`
    case 'distinctCount':
      return `count(DISTINCT ${column})`
    case 'distinctShare':
      return `count(DISTINCT ${column}) / nullif(count(${column}), 0)`
    default:
      return `${measure.statistic}(${column})`
  }
}

async function answer(engine: Engine, questions: readonly Question[], results: Map<Check, Measured>): Promise<void> {
  const [first] = questions
  if (first === undefined) return
  try {
    const [row] = await engine.rows(`SELECT ${questions.map((one, index) => `${one.aggregate} AS m${index}`).join(', ')} FROM ${first.from}`)
    for (const [index, { check }] of questions.entries()) results.set(check, { value: numeric(row?.[`m${index}`], check) })
  } catch (error) {
    if (questions.length === 1) results.set(first.check, { error: firstLine(error) })
    // One of them is at fault; asked one by one, only that one fails.
    else for (const one of questions) await answer(engine, [one], results)
  }
}

/** The contract's own query, as it stands: one row with one value. */
async function measureQuery(engine: Engine, check: Check, sql: string): Promise<Measured> {
  try {
    const rows = await selectGuarded(engine, sql)
    const values = Object.values(rows[0] ?? {})
    if (rows.length !== 1 || values.length !== 1) return { error: `the query must give one value, it gave ${rows.length} rows of ${values.length} columns` }
    return { value: numeric(values[0], check) }
  } catch (error) {
    return { error: firstLine(error) }
  }
}

function numeric(value: unknown, check: Check): number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  const number = Number(value)
  if (typeof value === 'object' || (Number.isNaN(number) && value !== 'NaN')) throw new Error(`${check.rule} must give a number, it gave ${JSON.stringify(value)}`)
  return number
}

async function refusal(engine: Engine, sql: string): Promise<string | undefined> {
  try {
    await requireSelect(engine, sql)
    return undefined
  } catch (error) {
    return firstLine(error)
  }
}

function firstLine(error: unknown): string {
  return errorMessage(error).split('\n')[0] ?? ''
}

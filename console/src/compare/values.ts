import type { Run } from '../../../src/api/tracking.ts'
import { type ColumnId, columnId } from '../tracking/keys.ts'
import { type Value, fromDouble } from '../tracking/values.ts'

export interface ComparedRun {
  readonly run: Run
  readonly id: string
  readonly name: string
  readonly color: number
  readonly values: ReadonlyMap<ColumnId, Value>
}

export function comparedRun(run: Run, color: number): ComparedRun {
  const values = new Map<ColumnId, Value>()
  for (const { key, value } of run.data.params ?? []) values.set(columnId('params', key), value)
  for (const { key, value } of run.data.metrics ?? []) values.set(columnId('metrics', key), fromDouble(value))
  for (const { key, value } of run.data.tags ?? []) if (!key.startsWith('mlflow.') || key === 'mlflow.source.git.commit') values.set(columnId('tags', key), value)
  values.set(columnId('attributes', 'status'), run.info.status.toLowerCase())
  const datasets = (run.inputs?.dataset_inputs ?? []).map(({ dataset }) => `${dataset.name} ${dataset.digest}`)
  if (datasets.length > 0) values.set(columnId('attributes', 'datasets'), datasets.join(', '))
  if (run.info.end_time !== undefined) values.set(columnId('attributes', 'duration'), (run.info.end_time - run.info.start_time) / 1000)
  return { run, id: run.info.run_id, name: run.info.run_name, color, values }
}

/** All columns that any of the runs has, in the order parameters, metrics, attributes, tags. */
export function columnsOfRuns(runs: readonly ComparedRun[]): readonly ColumnId[] {
  const order = ['params', 'metrics', 'attributes', 'tags']
  const all = [...new Set(runs.flatMap(({ values }) => [...values.keys()]))]
  const rank = (column: ColumnId): number => order.indexOf(column.slice(0, column.indexOf('.')))
  return all.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

/** Whether the runs do not all have the same there. */
export function differs(runs: readonly ComparedRun[], column: ColumnId): boolean {
  const first = runs[0]?.values.get(column)
  return runs.some(({ values }) => !Object.is(values.get(column), first))
}

/** The numbers of a column, where all that it has are numbers (parameters are texts); undefined where it is one of names. */
export function numbersOf(runs: readonly ComparedRun[], column: ColumnId): ReadonlyMap<string, number> | undefined {
  const numbers = new Map<string, number>()
  for (const { id, values } of runs) {
    const value = values.get(column)
    if (value === undefined) continue
    const number = typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value)
    if (!Number.isFinite(number)) return undefined
    numbers.set(id, number)
  }
  return numbers.size === 0 ? undefined : numbers
}

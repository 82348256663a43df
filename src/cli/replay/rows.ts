import type { Scalar } from '../../api/serving.ts'

export type Row = Readonly<Record<string, Scalar>>

/** A row that was asked, as the journal has it. */
export interface RecordedRow {
  readonly id: string
  readonly row: number
  readonly inputs: Row
  readonly features: Row
  readonly missing: readonly string[]
  readonly masked: readonly string[]
}

/** The same with its answer, where that was a score. */
export interface Recorded extends RecordedRow {
  readonly score: number
  readonly label: number | null
}

/** What is sent again, or why it cannot be. */
export type Resent = { readonly row: Row } | { readonly masked: string }

/**
 * The row with the online features that the answer was made of, under their full names, so that nothing is looked up again; null where one was missing. `columns`: what the
 * version takes. A column that is masked in the record cannot be sent again, where the version needs it.
 */
export function resend({ inputs, features, missing, masked }: RecordedRow, columns: readonly string[]): Resent {
  const absent = new Set(missing.map((reference) => reference.replace(':', '__')))
  const row: Record<string, Scalar> = { ...inputs }
  // Where a model is described by tensors of its own, which columns they hold is not told.
  const [first] = masked
  if (first !== undefined && !columns.some((column) => column in inputs || masked.includes(column))) return { masked: first }
  for (const column of columns) {
    const short = column.slice(column.indexOf('__') + 2)
    if (masked.includes(column) || (column.includes('__') && masked.includes(short))) return { masked: column }
    if (row[column] !== undefined || !column.includes('__')) continue
    const value = absent.has(column) ? null : (features[column] ?? features[short])
    if (value !== undefined) row[column] = value
    else if (column in features || short in features) row[column] = null
  }
  return { row }
}

/** Rows with the same columns go together: an absent column is not a null one. */
export function groupsOf<T extends { readonly row: Row }>(rows: readonly T[]): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>()
  for (const one of rows) {
    const key = Object.entries(one.row).map(([name, value]) => `${name} ${value === null ? '' : typeof value}`).sort().join()
    const group = groups.get(key)
    if (group) group.push(one)
    else groups.set(key, [one])
  }
  return [...groups.values()]
}

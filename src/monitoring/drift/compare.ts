import type { DriftColumn } from '../../api/monitor.ts'
import type { MonitorConfig } from '../../domain/config.ts'
import { type ColumnScore, columnDrift } from '../../domain/drift/index.ts'
import type { CurrentRows } from './current.ts'
import { type Reference, sampleOf } from './reference.ts'

export interface DriftResult {
  readonly columns: readonly DriftColumn[]
  /** Share of the feature columns that have drifted; the prediction is judged too, but counts for itself. */
  readonly share: number
  readonly drifted: boolean
}

/** Compares the inputs of a window with those of training, column by column, and the answers with the scores of training. */
export function compareWithReference(reference: Reference, current: CurrentRows, settings: MonitorConfig['drift']): DriftResult {
  if (current.rows === 0) return { columns: [], share: 0, drifted: false }
  const columns: DriftColumn[] = []
  for (const [column, { sample, integer }] of reference.columns) {
    const kind = sample instanceof Float64Array ? 'numeric' : 'categorical'
    const recorded = recordedRows(current, column)
    // Masked, or in none of the requests that were recorded whole: nothing can be said of it, and it counts neither way.
    if (recorded === 0) continue
    const values = current.columns.get(column) ?? []
    const present = sampleOf(values, kind === 'categorical')
    columns.push({ column, kind, ...columnDrift(sample, present, settings, integer), missing_share: missingShare(recorded, present.length) })
  }
  const drifted = columns.filter((column) => column.drifted).length
  const share = columns.length === 0 ? 0 : drifted / columns.length
  if (reference.scores) columns.push(predictionColumn(columnDrift(reference.scores, Float64Array.from(current.scores), settings)))
  return { columns, share, drifted: columns.length > 0 && share >= settings.share }
}

/** What can be said without a reference: nothing has a score, but missing shares are known. */
export function withoutReference(current: CurrentRows, settings: MonitorConfig['drift']): DriftResult {
  const columns = [...current.columns].map(([column, values]): DriftColumn => {
    const present = values.filter((value) => value !== null)
    const kind = present.some((value) => typeof value === 'string') ? 'categorical' : 'numeric'
    const score: ColumnScore = { method: 'no reference', score: null, threshold: settings.threshold, drifted: false }
    return { column, kind, ...score, missing_share: missingShare(recordedRows(current, column), present.length) }
  })
  return { columns, share: 0, drifted: false }
}

function predictionColumn(score: ColumnScore): DriftColumn {
  return { column: 'prediction', kind: 'prediction', ...score, missing_share: 0 }
}

/** Rows of which it is known whether they had a value of the column. */
function recordedRows({ rows, unrecorded, masked }: CurrentRows, column: string): number {
  return rows - unrecorded - (masked.get(column) ?? 0)
}

function missingShare(rows: number, present: number): number {
  return rows === 0 ? 0 : (rows - present) / rows
}

import type { Difference, ReplayReport } from './report.ts'
import type { OutputDifference, OutputSlice, TensorReport } from './tensor-report.ts'

/** A head and rows, of text: what both the terminal and the page show. */
export type Table = readonly (readonly string[])[]

export function differenceTable(overall: Difference, { slices }: Pick<ReplayReport, 'slices'>): Table {
  return [['slice', 'rows', 'mean', 'mean |d|', 'max |d|', 'class changes', 'labelled', 'log loss a', 'b', 'AUC a', 'b'], ...[overall, ...slices].map(differenceCells)]
}

export function outputTable({ outputs }: Pick<TensorReport, 'outputs'>): Table {
  return [['output', 'requests', ...ELEMENTS], ...outputs.map((one) => [printable(one.output), String(one.requests), ...elementCells(one)])]
}

export function outputSliceTable({ slices }: Pick<TensorReport, 'slices'>): Table {
  return [['slice', 'output', 'rows', ...ELEMENTS], ...slices.map((one) => [printable(one.slice), printable(one.output), String(one.rows), ...elementCells(one)])]
}

const ELEMENTS = ['elements', 'mean |d|', 'max |d|', 'changed'] as const

function elementCells({ elements, mean_absolute_difference, max_absolute_difference, changed }: OutputDifference | OutputSlice): readonly string[] {
  return [String(elements), digits(mean_absolute_difference), digits(max_absolute_difference), percent(changed)]
}

function differenceCells({ slice, rows, mean_difference, mean_absolute_difference, max_absolute_difference, class_changes, labelled, log_loss, auc }: Difference): readonly string[] {
  const share = class_changes === null ? '–' : percent(class_changes)
  return [printable(slice), String(rows), signed(mean_difference), digits(mean_absolute_difference), digits(max_absolute_difference), share, String(labelled), digits(log_loss.a), digits(log_loss.b), digits(auc.a), digits(auc.b)]
}

/** What could not be sent again, or compared, a sentence each. */
export function rowRemarks({ refused, masked, by_tensors: byTensors }: ReplayReport): readonly string[] {
  return [
    ...(masked.rows > 0 ? [`${masked.rows} rows cannot be sent again: ${printable(masked.column ?? '')} is masked in the journal`] : []),
    ...(byTensors > 0 ? [`${byTensors} answers by tensors, or without a score, were left out: a model that gave scores is replayed by these alone`] : []),
    ...(refused.rows > 0 ? [`${refused.rows} rows were refused, as: ${printable(refused.example ?? '')}`] : []),
  ]
}

export function tensorRemarks({ refused, masked, left_out: leftOut }: TensorReport): readonly string[] {
  return [
    ...(masked.requests > 0 ? [`${masked.requests} requests cannot be sent again: ${printable(masked.input ?? '')} is masked in the journal`] : []),
    ...(leftOut.requests > 0 ? [`${leftOut.requests} requests cannot be sent again: tensors of theirs were too large, and were left out of the journal`] : []),
    ...(leftOut.outputs > 0 ? [`${leftOut.outputs} outputs were left out of the journal, and are not compared; --against compares them`] : []),
    ...(refused.requests > 0 ? [`${refused.requests} requests were refused, as: ${printable(refused.example ?? '')}`] : []),
  ]
}

export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))}`
}

/** Slices are values that callers sent: none of them may steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

function digits(value: number | null): string {
  return value === null ? '–' : value.toPrecision(4)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

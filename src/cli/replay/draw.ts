import type { ReplayReport } from './report.ts'
import { type Table, differenceTable, outputSliceTable, outputTable, printable, rowRemarks, signed, tensorRemarks } from './tables.ts'
import type { TensorReport } from './tensor-report.ts'

const BAR = 40

/** The report for people, drawn with text alone. */
export function drawText(report: ReplayReport): string {
  const { model, a, b, overall, histogram, by } = report
  const lines = [`${model}: ${b} against ${a}, ${report.from} to ${report.to}`, `${report.replayed} of ${report.recorded} recorded rows replayed`, ...rowRemarks(report)]
  if (!overall) return `${lines.join('\n')}\n`
  lines.push('', 'difference        rows', ...drawBars(histogram), '', ...(by === null ? [] : [`by ${printable(by)}`]), ...drawTable(differenceTable(overall, report)))
  return `${lines.join('\n')}\n`
}

/** The same for what was answered by tensors. */
export function drawTensorText(report: TensorReport): string {
  const { model, a, b, from, to, recorded, replayed, outputs, by, slices } = report
  const lines = [`${model}: ${b} against ${a}, ${from} to ${to}`, `${replayed} of ${recorded} recorded answers by tensors replayed`, ...tensorRemarks(report)]
  for (const { output, histogram } of outputs) if (histogram.length > 0) lines.push('', `${printable(output)}: largest difference of each request`, ...drawBars(histogram))
  if (outputs.length > 0) lines.push('', ...drawTable(outputTable(report)))
  if (by !== null && slices.length > 0) lines.push('', `by ${printable(by)}`, ...drawTable(outputSliceTable(report)))
  return `${lines.join('\n')}\n`
}

function drawBars(histogram: ReplayReport['histogram']): readonly string[] {
  const most = Math.max(1, ...histogram.map(({ rows }) => rows))
  return histogram.map(({ from, to, rows }) => `${signed(middle(from, to)).padStart(9)} ${String(rows).padStart(12)} ${'█'.repeat(Math.ceil((rows / most) * BAR))}`)
}

/** The middle of the bin around 0 is 0, whatever the sum of its edges leaves. */
function middle(from: number, to: number): number {
  const found = (from + to) / 2
  return Math.abs(found) < (to - from) * 1e-9 ? 0 : found
}

function drawTable(table: Table): readonly string[] {
  const widths = (table[0] ?? []).map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)))
  return table.map((row) => row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ').trimEnd())
}

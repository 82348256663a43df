import type { Difference, ReplayReport } from './report.ts'
import type { TensorReport } from './tensor-report.ts'

const BAR = 40

/** The report for people, drawn with text alone. */
export function drawText(report: ReplayReport): string {
  const { model, a, b, overall, histogram, slices, by } = report
  const lines = [`${model}: ${b} against ${a}, ${report.from} to ${report.to}`, `${report.replayed} of ${report.recorded} recorded rows replayed`]
  if (report.masked.rows > 0) lines.push(`${report.masked.rows} rows cannot be sent again: ${report.masked.column ?? ''} is masked in the journal`)
  if (report.refused.rows > 0) lines.push(`${report.refused.rows} rows were refused, as: ${printable(report.refused.example ?? '')}`)
  if (!overall) return `${lines.join('\n')}\n`
  lines.push('', 'difference        rows', ...drawBars(histogram), '', ...(by === null ? [] : [`by ${printable(by)}`]), ...drawTable([HEAD, ...[overall, ...slices].map(cells)]))
  return `${lines.join('\n')}\n`
}

/** The same for requests by tensors. */
export function drawTensorText({ model, a, b, from, to, recorded, replayed, refused, masked, left_out: leftOut, outputs }: TensorReport): string {
  const lines = [`${model}: ${b} against ${a}, ${from} to ${to}`, `${replayed} of ${recorded} recorded requests by tensors replayed`]
  if (masked.requests > 0) lines.push(`${masked.requests} requests cannot be sent again: ${printable(masked.input ?? '')} is masked in the journal`)
  if (leftOut.requests > 0) lines.push(`${leftOut.requests} requests cannot be sent again: tensors of theirs were too large, and were left out of the journal`)
  if (leftOut.outputs > 0) lines.push(`${leftOut.outputs} outputs were left out of the journal, and are not compared; --against compares them`)
  if (refused.requests > 0) lines.push(`${refused.requests} requests were refused, as: ${printable(refused.example ?? '')}`)
  for (const { output, histogram } of outputs) if (histogram.length > 0) lines.push('', `${printable(output)}: largest difference of each request`, ...drawBars(histogram))
  if (outputs.length > 0) {
    const rows = outputs.map((one) => [printable(one.output), String(one.requests), String(one.elements), digits(one.mean_absolute_difference), digits(one.max_absolute_difference), `${(one.changed * 100).toFixed(2)} %`])
    lines.push('', ...drawTable([['output', 'requests', 'elements', 'mean |d|', 'max |d|', 'changed'], ...rows]))
  }
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

function drawTable(table: readonly (readonly string[])[]): readonly string[] {
  const widths = (table[0] ?? []).map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)))
  return table.map((row) => row.map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0))).join('  ').trimEnd())
}

const HEAD = ['slice', 'rows', 'mean', 'mean |d|', 'max |d|', 'class changes', 'labelled', 'log loss a', 'b', 'AUC a', 'b']

function cells({ slice, rows, mean_difference, mean_absolute_difference, max_absolute_difference, class_changes, labelled, log_loss, auc }: Difference): readonly string[] {
  const share = class_changes === null ? '–' : `${(class_changes * 100).toFixed(2)} %`
  return [printable(slice), String(rows), signed(mean_difference), digits(mean_absolute_difference), digits(max_absolute_difference), share, String(labelled), digits(log_loss.a), digits(log_loss.b), digits(auc.a), digits(auc.b)]
}

/** One page that needs nothing else. */
export function drawHtml(report: ReplayReport): string {
  const { model, a, b, overall, histogram, slices } = report
  const most = Math.max(1, ...histogram.map(({ rows }) => rows))
  const bars = histogram.map(({ from, to, rows }, i) => {
    const height = (rows / most) * 180
    return `<rect x="${i * 30 + 2}" y="${190 - height}" width="26" height="${height}"><title>${signed(from)} … ${signed(to)}: ${rows} rows</title></rect>`
  })
  const row = (tag: string, texts: readonly string[]): string => `<tr>${texts.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>`
  const table = overall ? `<table>${row('th', HEAD)}${[overall, ...slices].map((one) => row('td', cells(one))).join('')}</table>` : ''
  const ends = histogram.length === 0 ? '' : `<p>${signed(histogram[0]?.from ?? 0)} … ${signed(histogram.at(-1)?.to ?? 0)}</p>`
  return `<!doctype html><meta charset="utf-8"><title>${escaped(model)}: ${escaped(b)} against ${escaped(a)}</title>
<style>body{font:14px system-ui;margin:2em}td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child{text-align:left}rect{fill:#36c}</style>
<h1>${escaped(model)}: ${escaped(b)} against ${escaped(a)}</h1><p>${escaped(report.from)} to ${escaped(report.to)}: ${report.replayed} of ${report.recorded} recorded rows replayed, ${report.refused.rows} refused, ${report.masked.rows} masked</p>
<svg width="${histogram.length * 30}" height="192" role="img" aria-label="differences">${bars.join('')}</svg>${ends}${table}
`
}

function digits(value: number | null): string {
  return value === null ? '–' : value.toPrecision(4)
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** Slices are values that callers sent: none of them may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

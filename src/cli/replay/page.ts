import type { ReplayReport } from './report.ts'
import { type Table, differenceTable, outputSliceTable, outputTable, rowRemarks, signed, tensorRemarks } from './tables.ts'
import type { TensorReport } from './tensor-report.ts'

const [BAR, GAP, HEIGHT] = [26, 4, 180]
const STYLE = 'body{font:14px system-ui;margin:2em}table{border-collapse:collapse;margin-top:1em}td,th{padding:.2em .8em;text-align:right}td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#f4f6fa}rect{fill:#36c}figure{margin:1.5em 0}figcaption{margin-bottom:.6em}.ends{display:flex;justify-content:space-between}'

/** The report as one page that needs nothing else. */
export function drawHtml(report: ReplayReport): string {
  const { replayed, recorded, overall, histogram, by } = report
  return page(report, [
    paragraph(`${replayed} of ${recorded} recorded rows replayed`),
    ...rowRemarks(report).map(paragraph),
    drawBars('difference, by rows', histogram, 'rows'),
    ...(overall ? [...(by === null ? [] : [heading(`by ${by}`)]), drawTable(differenceTable(overall, report))] : []),
  ])
}

/** The same for what was answered by tensors. */
export function drawTensorHtml(report: TensorReport): string {
  const { replayed, recorded, outputs, by, slices } = report
  return page(report, [
    paragraph(`${replayed} of ${recorded} recorded answers by tensors replayed`),
    ...tensorRemarks(report).map(paragraph),
    ...outputs.map(({ output, histogram }) => drawBars(`${output}: largest difference of each request`, histogram, 'requests')),
    ...(outputs.length > 0 ? [drawTable(outputTable(report))] : []),
    ...(by !== null && slices.length > 0 ? [heading(`by ${by}`), drawTable(outputSliceTable(report))] : []),
  ])
}

function page({ model, a, b, from, to }: Pick<ReplayReport, 'model' | 'a' | 'b' | 'from' | 'to'>, parts: readonly string[]): string {
  const title = escaped(`${model}: ${b} against ${a}`)
  return `<!doctype html><meta charset="utf-8"><title>${title}</title>\n<style>${STYLE}</style>\n<h1>${title}</h1>${paragraph(`${from} to ${to}`)}\n${parts.join('\n')}\n`
}

function drawBars(caption: string, histogram: ReplayReport['histogram'], what: string): string {
  const [first, last] = [histogram[0], histogram.at(-1)]
  if (!first || !last) return ''
  const most = Math.max(1, ...histogram.map(({ rows }) => rows))
  const bars = histogram.map(({ from, to, rows }, i) => {
    const height = (rows / most) * HEIGHT
    return `<rect x="${i * (BAR + GAP) + GAP / 2}" y="${HEIGHT - height}" width="${BAR}" height="${height}"><title>${signed(from)} … ${signed(to)}: ${rows} ${what}</title></rect>`
  })
  const width = histogram.length * (BAR + GAP)
  const ends = `<div class="ends" style="width:${width}px"><span>${signed(first.from)}</span><span>0</span><span>${signed(last.to)}</span></div>`
  return `<figure><figcaption>${escaped(caption)}</figcaption><svg width="${width}" height="${HEIGHT}" role="img" aria-label="${escaped(caption)}">${bars.join('')}</svg>${ends}</figure>`
}

function drawTable([head = [], ...rows]: Table): string {
  const row = (tag: string, texts: readonly string[]): string => `<tr>${texts.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>`
  return `<table>${row('th', head)}${rows.map((texts) => row('td', texts)).join('')}</table>`
}

function heading(text: string): string {
  return `<h2>${escaped(text)}</h2>`
}

function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

import { violations, type CheckResult, type ContractReport, type SampleRow } from '../../domain/contract/index.ts'

const SHOWN_SAMPLES = 3
const WIDEST = 140

/** A report for a terminal: the verdict, a table of the broken rules, and for each some rows that break it. */
export function renderReport(report: ContractReport): string {
  const broken = violations(report)
  const lines = [verdict(report), counts(report), ...report.warnings.map((warning) => `  note: ${warning}`)]
  if (broken.length > 0) lines.push('', ...table(broken))
  const sampled = broken.filter((check) => check.failedSamples.length > 0)
  if (sampled.length > 0) lines.push('', 'rows that break them', ...sampled.flatMap(samples))
  return `${lines.join('\n')}\n`
}

export function verdict(report: ContractReport): string {
  const words = { passed: 'holds', warning: 'holds, with warnings', failed: 'is broken', error: 'could not be judged', skipped: 'could not be judged' }
  return `contract ${report.contract} ${report.dataContractVersion} ${words[report.result]}: ${report.data.join(' ')} as of ${report.asOf}`
}

export function counts(report: ContractReport): string {
  const { checks, ...outcomes } = report.summary
  const found = Object.entries(outcomes).flatMap(([outcome, count]) => (count > 0 ? [`${grouped(count)} ${outcome}`] : []))
  return `${grouped(report.rows)} rows in ${report.files.length} ${report.files.length === 1 ? 'file' : 'files'}, ${checks} checks: ${found.join(', ')}`
}

export const HEADER = ['', 'rule', 'rows', 'share', 'what was found'] as const

/** The cells of one broken rule, in the order of HEADER. */
export function cells(check: CheckResult): readonly string[] {
  const mark = check.result === 'warning' ? 'warning' : check.result === 'error' ? 'error' : 'failed'
  return [mark, check.rule, grouped(check.count), share(check.share), finding(check)]
}

/** Neither the count, which has its own cell, nor a reason that says all by itself is said twice. */
function finding(check: CheckResult): string {
  const { metric, reason = '' } = check
  if (metric === 'missingColumn' || metric === 'wrongType' || metric === 'otherColumns') return reason
  const demand = metric === 'failedRows' || metric === 'query' ? check.description : undefined
  const what = demand === undefined ? check.name : `not so: ${demand.replace(/\.$/, '')}`
  return check.threshold === '= 0 rows' && check.result !== 'error' ? what : `${what}: ${reason}`
}

function table(checks: readonly CheckResult[]): readonly string[] {
  const rows = [HEADER, ...checks.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => length(row[column] ?? ''))))
  return rows.map((row) => {
    const padded = row.map((cell, column) => {
      const space = ' '.repeat((widths[column] ?? 0) - length(cell))
      return column === 2 || column === 3 ? space + cell : cell + space
    })
    return cut(padded.join('  ').trimEnd())
  })
}

function samples(check: CheckResult): readonly string[] {
  const shown = check.failedSamples.slice(0, SHOWN_SAMPLES).map((row) => cut(`    ${describeRow(row)}`))
  const rest = check.count - shown.length
  return [`  ${check.rule}`, ...shown, ...(rest > 0 && check.metric !== 'duplicateValues' ? [`    … and ${grouped(rest)} more`] : [])]
}

/** `data/x.parquet row 3: year=2013 month=4 …` */
export function describeRow(row: SampleRow): string {
  const { file, row: number, ...values } = row
  const where = typeof file === 'string' ? `${file} row ${String(number)}: ` : ''
  return where + Object.entries(values).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ')
}

function share(value: number): string {
  const percent = value * 100
  return percent > 0 && percent < 0.01 ? '< 0.01 %' : `${percent.toFixed(2)} %`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function length(text: string): number {
  return [...text].length
}

function cut(line: string): string {
  const characters = [...line]
  return characters.length <= WIDEST ? line : `${characters.slice(0, WIDEST - 1).join('')}…`
}

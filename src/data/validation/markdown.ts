import { violations, type CheckResult, type ContractReport } from '../../domain/contract/index.ts'
import { HEADER, cells, counts, describeRow, verdict } from './render.ts'

/** A report as a short Markdown page, for a pull request or as an artifact of the run. */
export function reportMarkdown(report: ContractReport): string {
  const broken = violations(report)
  const sections = [`# ${escape(verdict(report))}`, counts(report)]
  if (report.warnings.length > 0) sections.push(report.warnings.map((warning) => `- ${escape(warning)}`).join('\n'))
  if (broken.length > 0) sections.push(table(broken), ...broken.filter((check) => check.failedSamples.length > 0).map(samples))
  return `${sections.join('\n\n')}\n`
}

function table(checks: readonly CheckResult[]): string {
  const line = (row: readonly string[]): string => `| ${row.map(escape).join(' | ')} |`
  return [line(HEADER), '|---|---|---:|---:|---|', ...checks.map((check) => line(cells(check)))].join('\n')
}

function samples(check: CheckResult): string {
  const rows = check.failedSamples.map((row) => describeRow(row).replaceAll('```', "'''"))
  return `## ${escape(check.rule)}\n\n\`\`\`\n${rows.join('\n')}\n\`\`\``
}

function escape(text: string): string {
  return text.replaceAll(/[\\|*_<>`[\]]/g, '\\$&').replaceAll(/\s*\n\s*/g, ' ')
}

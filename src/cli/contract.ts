import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ContractReport } from '../domain/contract/index.ts'
import { MillraceError } from '../platform/errors/index.ts'

interface CheckOptions {
  readonly data: readonly string[]
  readonly table?: string
  readonly asOf?: string
  readonly report?: string
  readonly markdown?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  const contract = program.command('contract').description('check data against a data contract (Open Data Contract Standard v3.1)')
  contract
    .command('check')
    .description('check Parquet or CSV files against a contract; the exit code tells whether it holds')
    .argument('<file>', 'the contract')
    .requiredOption('--data <paths...>', 'files, folders or globs; together they are one table')
    .option('--table <name>', 'which of the contract’s tables the data are')
    .option('--as-of <moment>', 'project time that freshness is judged at, RFC 3339 (default: now)')
    .option('--report <file>', 'write the report there, as JSON')
    .option('--markdown <file>', 'write a summary there, as Markdown')
    .option('--json', 'print the report instead of the table')
    .action(check)
  contract
    .command('validate')
    .description('say whether a contract is well-formed')
    .argument('<file>', 'the contract')
    .option('--json', 'print what was found as JSON')
    .action(validate)
}

async function check(file: string, options: CheckOptions): Promise<void> {
  const asOf = options.asOf === undefined ? new Date() : parseMoment(options.asOf)
  const { checkContract, renderReport, reportMarkdown } = await import('../data/validation/index.ts')
  const { accepted, checkedEvent, violations } = await import('../domain/contract/index.ts')
  const report = await checkContract({ contract: file, data: options.data, asOf, ...(options.table === undefined ? {} : { table: options.table }) })
  const json = `${JSON.stringify(report, null, 2)}\n`
  // Written before the verdict is thrown: a refused delivery is when the report is wanted most.
  if (options.report !== undefined) await write(options.report, json)
  if (options.markdown !== undefined) await write(options.markdown, reportMarkdown(report))
  process.stdout.write(options.json ? json : renderReport(report))
  const { emitProjectEvent } = await import('./project-events.ts')
  await emitProjectEvent('dev.millrace.contract.checked', file, checkedEvent(report))
  if (accepted(report)) return
  const broken = violations(report).filter((one) => one.result !== 'warning')
  throw new MillraceError('CONTRACT_VIOLATED', refusal(report, broken.length), {
    details: broken.map(({ rule, result, count, share, reason }) => ({ rule, result, count, share, reason })),
  })
}

function refusal(report: ContractReport, broken: number): string {
  return `${report.data.join(' ')} ${broken === 1 ? 'breaks one rule' : `breaks ${broken} rules`} of ${report.contractFile}`
}

async function write(path: string, content: string): Promise<void> {
  const { mkdir } = await import('node:fs/promises')
  const { dirname } = await import('node:path')
  const { writeFileDurable } = await import('../platform/fs/index.ts')
  const file = resolve(path)
  await mkdir(dirname(file), { recursive: true })
  writeFileDurable(file, content)
}

async function validate(file: string, options: { readonly json?: boolean }): Promise<void> {
  const { describeProblem, readContractFile } = await import('../data/validation/index.ts')
  const { contract, problems } = await readContractFile(file)
  const checks = contract?.tables.reduce((sum, table) => sum + table.checks.length, 0) ?? 0
  const errors = problems.filter((problem) => problem.severity === 'error')
  if (options.json) process.stdout.write(`${JSON.stringify({ valid: contract !== undefined, checks, problems }, null, 2)}\n`)
  else {
    const warnings = problems.filter((problem) => problem.severity === 'warning')
    for (const warning of warnings) process.stdout.write(`warning: ${describeProblem(warning)}\n`)
    if (contract) process.stdout.write(`${file} is well-formed: ${contract.name} ${contract.version}, ${checks} checks of ${contract.tables.map((table) => table.name).join(', ')}\n`)
  }
  if (errors.length > 0) throw new MillraceError('CONTRACT_INVALID', errors.map(describeProblem).join('\n'), { details: errors })
}

/** A day stands for its start in UTC; a moment must name its zone. */
function parseMoment(text: string): Date {
  const moment = new Date(text)
  if (/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) && !Number.isNaN(moment.getTime())) return moment
  throw new MillraceError('USAGE', `--as-of: expected a moment such as 2013-04-01T04:00:00Z, found ${JSON.stringify(text)}`)
}

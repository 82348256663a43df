import { countsRows, type CheckCategory, type Dimension, type MeasureKind, type Severity } from './checks.ts'

/** datacontract-cli's words (`ResultEnum`). `error`: the check could not be made; `skipped`: what it rests on is missing, and that is reported. */
export type Outcome = 'passed' | 'warning' | 'failed' | 'error' | 'skipped'

export type SampleRow = Readonly<Record<string, unknown>>

export interface CheckResult {
  readonly rule: string
  readonly category: CheckCategory
  readonly type: string
  readonly metric: MeasureKind
  /** What was counted or measured, in words: `origin not one of EWR, JFK, LGA`. */
  readonly name: string
  readonly description?: string
  readonly table: string
  readonly column?: string
  readonly columns?: readonly string[]
  readonly result: Outcome
  /** Why it did not pass. */
  readonly reason?: string
  /** What the threshold judged: rows, percent of rows, seconds, or a statistic. Null where nothing could be measured. */
  readonly value: number | null
  readonly unit: 'rows' | 'percent' | 'seconds' | 'value'
  readonly threshold: string
  /** Rows concerned: those that break the rule or, for a rule about the table as a whole that is broken, all of them. */
  readonly count: number
  /** `count` of all rows, 0–1. */
  readonly share: number
  readonly dimension: Dimension
  readonly severity: Severity
  readonly qualityId?: string
  readonly tags?: readonly string[]
  /** At most five rows that break the rule: where they stand (`file`, `row` from 0), the key, the columns concerned. */
  readonly failedSamples: readonly SampleRow[]
}

/**
 * The result of checking one table, after datacontract-cli's `Run`. It holds no wall time and no random id: the same contract, data and
 * `asOf` give the same bytes, so a pipeline that keeps it as an output is not upset by a repeated check.
 */
export interface ContractReport {
  readonly dataContractId: string
  readonly dataContractVersion: string
  readonly contract: string
  readonly contractFile: string
  readonly table: string
  readonly data: readonly string[]
  /** Project time that freshness was judged at, RFC 3339. */
  readonly asOf: string
  readonly result: Outcome
  readonly rows: number
  readonly files: readonly { readonly path: string; readonly rows: number }[]
  readonly summary: Readonly<Record<Outcome | 'checks', number>>
  readonly checks: readonly CheckResult[]
  readonly warnings: readonly string[]
}

/** The worst of all; `passed` where nothing was found wrong. */
export function overall(results: readonly Outcome[]): Outcome {
  for (const outcome of ['error', 'failed', 'warning'] as const) if (results.includes(outcome)) return outcome
  return 'passed'
}

export function summarise(results: readonly Outcome[]): ContractReport['summary'] {
  const count = (outcome: Outcome): number => results.filter((result) => result === outcome).length
  return {
    checks: results.length,
    passed: count('passed'),
    warning: count('warning'),
    failed: count('failed'),
    error: count('error'),
    skipped: count('skipped'),
  }
}

/** Whether the data may be used: nothing failed, and every check could be made. */
export function accepted(report: ContractReport): boolean {
  return report.result === 'passed' || report.result === 'warning'
}

/** The broken rules, gravest first: those that could not be made, then those about the table, then by share. */
export function violations(report: ContractReport): readonly CheckResult[] {
  const rank = (check: CheckResult): number => (check.result === 'error' ? 0 : check.result === 'failed' ? (countsRows(check.metric) ? 2 : 1) : 3)
  return report.checks
    .filter((check) => check.result === 'failed' || check.result === 'error' || check.result === 'warning')
    .toSorted((a, b) => rank(a) - rank(b) || b.share - a.share)
}

/** The data of the event `dev.millrace.contract.checked`. */
export function checkedEvent(report: ContractReport): {
  contract: string
  data: string
  passed: boolean
  rows: number
  checks: number
  violations: readonly { rule: string; count: number; share: number }[]
} {
  return {
    contract: report.contract,
    data: report.data.join(' '),
    passed: accepted(report),
    rows: report.rows,
    checks: report.summary.checks,
    violations: violations(report)
      .filter((check) => check.result !== 'warning')
      .map(({ rule, count, share }) => ({ rule, count, share })),
  }
}

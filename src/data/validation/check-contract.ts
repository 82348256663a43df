import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { overall, summarise, type Contract, type ContractReport, type Table } from '../../domain/contract/index.ts'
import { identifier } from '../../platform/duckdb/index.ts'
import { MillraceError, errnoCode, errorMessage } from '../../platform/errors/index.ts'
import { describeProblem, type Problem } from './contract-file/problems.ts'
import { readContract, type ContractReading } from './contract-file/read.ts'
import { type EngineLimits, openEngine } from './engine.ts'
import { findDataFiles } from './files.ts'
import { DATA, layOut } from './layout.ts'
import { measureAll } from './measure.ts'
import { judge, skipReason, skipped } from './judge.ts'
import { sample } from './samples.ts'

export interface ContractCheckRequest {
  readonly contract: string
  /** Paths, folders or globs of Parquet or CSV files; together they are one table. */
  readonly data: readonly string[]
  /** Which of the contract's tables the data are; needed only where it has several. */
  readonly table?: string
  /** Project time that freshness is judged at. */
  readonly asOf: Date
  /** Relative paths start here; by default the working directory. */
  readonly root?: string
  readonly limits?: EngineLimits
}

/**
 * Checks data against a contract. Broken rules are in the report; it throws only where nothing could be judged: CONTRACT_INVALID,
 * DATA_NOT_FOUND, DATA_UNREADABLE.
 */
export async function checkContract(request: ContractCheckRequest): Promise<ContractReport> {
  const root = request.root ?? process.cwd()
  const { contract, problems } = await loadContract(request.contract, root)
  const table = chooseTable(contract, request.table, request.contract)
  const files = findDataFiles(request.data, root)
  const engine = await openEngine(files.map((file) => file.absolute), request.limits)
  try {
    const layout = await layOut(engine, files, table)
    await engine.run(`CREATE TEMP VIEW ${identifier(table.name)} AS SELECT ${table.columns.map((column) => identifier(column.name)).join(', ') || '*'} FROM ${DATA}`)
    const unusable = new Map(table.checks.map((check) => [check, skipReason(check, layout)]))
    const measured = await measureAll(engine, table.checks.filter((check) => unusable.get(check) === undefined), layout, request.asOf)
    const checks = []
    for (const check of table.checks) {
      const reason = unusable.get(check)
      if (reason !== undefined) checks.push(skipped(check, reason))
      else {
        const result = judge(check, measured.get(check) ?? { error: 'it was not measured' }, layout)
        const broken = result.result === 'failed' || result.result === 'warning'
        checks.push(broken && result.count > 0 ? { ...result, failedSamples: await sample(engine, check, layout, table) } : result)
      }
    }
    const results = checks.map((check) => check.result)
    return {
      dataContractId: contract.id,
      dataContractVersion: contract.version,
      contract: contract.name,
      contractFile: request.contract,
      table: table.name,
      data: request.data,
      asOf: request.asOf.toISOString(),
      result: overall(results),
      rows: layout.rows,
      files: layout.files,
      summary: summarise(results),
      checks,
      warnings: [
        ...problems.map(describeProblem),
        ...[...layout.others].map(([name, having]) => `column ${name} of ${having.length === layout.files.length ? 'the data' : having.map((file) => file.path).join(', ')} is not in the contract`),
      ],
    }
  } finally {
    engine.close()
  }
}

/** Reads a contract's file without judging it; throws only where there is no such file. */
export async function readContractFile(path: string, root: string = process.cwd()): Promise<ContractReading> {
  try {
    return readContract(await readFile(resolve(root, path), 'utf8'), path)
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') throw new MillraceError('NOT_FOUND', `there is no contract ${path} (looked in ${root})`, { cause: error })
    throw new MillraceError('CONTRACT_INVALID', `${path} cannot be read: ${errorMessage(error)}`, { cause: error })
  }
}

async function loadContract(path: string, root: string): Promise<{ contract: Contract; problems: readonly Problem[] }> {
  const { contract, problems } = await readContractFile(path, root)
  if (contract !== undefined) return { contract, problems }
  const errors = problems.filter((problem) => problem.severity === 'error')
  throw new MillraceError('CONTRACT_INVALID', errors.map(describeProblem).join('\n'), { details: errors })
}

function chooseTable(contract: Contract, wanted: string | undefined, file: string): Table {
  const names = contract.tables.map((table) => table.name).join(', ')
  const [first, second] = contract.tables
  if (first === undefined) throw new MillraceError('CONTRACT_INVALID', `${file}: schema: expected at least one table, found none`)
  if (wanted === undefined) {
    if (second === undefined) return first
    throw new MillraceError('USAGE', `${file} has several tables (${names}): say which one the data are`)
  }
  const found = contract.tables.find((table) => table.name === wanted)
  if (found === undefined) throw new MillraceError('USAGE', `${file} has no table ${wanted}; it has ${names}`)
  return found
}


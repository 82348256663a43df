import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { CheckResult, ContractReport } from '../../domain/contract/index.ts'
import { checkContract } from './check-contract.ts'

/** For tests: a folder of its own with Parquet files made from SQL, and contracts checked against them. */
export class TestData {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-contract-'))
  readonly #instance: DuckDBInstance

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance
  }

  static async create(): Promise<TestData> {
    return new TestData(await DuckDBInstance.create(':memory:', { threads: '1', temp_directory: '' }))
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content)
  }

  async parquet(name: string, select: string): Promise<void> {
    const connection = await this.#instance.connect()
    await connection.run(`SET TimeZone = 'UTC'`)
    await connection.run(`COPY (${select}) TO '${join(this.folder, name)}' (FORMAT parquet)`)
    connection.closeSync()
  }

  async rows(sql: string): Promise<readonly unknown[]> {
    const connection = await this.#instance.connect()
    const reader = await connection.runAndReadAll(sql)
    connection.closeSync()
    return reader.getRowObjectsJS()
  }

  /** `table` is a schema object as in ODCS, without its name `t`; JSON is YAML. */
  async check(table: object, data: readonly string[], more: { readonly asOf?: string; readonly slaProperties?: readonly object[] } = {}): Promise<ContractReport> {
    const { asOf = '2013-05-01T00:00:00Z', slaProperties = [] } = more
    const contract = { apiVersion: 'v3.1.0', kind: 'DataContract', id: 'test', version: '1.0.0', status: 'active', schema: [{ name: 't', ...table }], slaProperties }
    this.write('contract.yaml', JSON.stringify(contract))
    return checkContract({ contract: 'contract.yaml', data, root: this.folder, asOf: new Date(asOf) })
  }

  close(): void {
    this.#instance.closeSync()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function resultOf(report: ContractReport, rule: string): CheckResult {
  const found = report.checks.find((check) => check.rule === rule)
  if (found === undefined) throw new Error(`no rule ${rule} among ${report.checks.map((check) => check.rule).join(', ')}`)
  return found
}

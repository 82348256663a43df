import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { literal } from './sql.ts'

export interface InstanceOptions {
  /** As DuckDB writes it; what does not fit is spilled to a temporary folder. */
  readonly memory: string
  readonly threads: number
  /** The only files that SQL can reach: no other, no network, no extension, and no way to change that. Absent: all that the process can. */
  readonly confinedTo?: readonly string[]
}

const DEFAULTS: InstanceOptions = { memory: '512MB', threads: 2 }

/** A DuckDB in memory. Moments are in UTC. It never downloads an extension. `close` removes what it spilled. */
export class Instance {
  readonly #instance: DuckDBInstance
  readonly #spill: string

  private constructor(instance: DuckDBInstance, spill: string) {
    this.#instance = instance
    this.#spill = spill
  }

  static async open(given: Partial<InstanceOptions> = {}): Promise<Instance> {
    const { memory, threads, confinedTo } = { ...DEFAULTS, ...given }
    const spill = join(tmpdir(), `millrace-duckdb-${randomUUID()}`)
    const duckdb = await DuckDBInstance.create(':memory:', { memory_limit: memory, threads: String(threads), temp_directory: spill })
    const instance = new Instance(duckdb, spill)
    const confined = confinedTo && [`allowed_paths = [${confinedTo.map(literal).join(', ')}]`, 'enable_external_access = false', 'lock_configuration = true']
    const connection = await instance.connect()
    for (const setting of [`TimeZone = 'UTC'`, 'autoinstall_known_extensions = false', "allocator_flush_threshold = '4MB'", ...(confined ?? [])]) {
      await connection.run(`SET GLOBAL ${setting}`)
    }
    connection.closeSync()
    return instance
  }

  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect()
  }

  close(): void {
    this.#instance.closeSync()
    rmSync(this.#spill, { recursive: true, force: true })
  }
}

import type { DuckDBConnection } from '@duckdb/node-api'
import type { Instance } from '../platform/duckdb/instance.ts'

/** An in-memory DuckDB, for reading and writing Parquet. The library is loaded on first use; what is made then is kept until `close`. */
export class DuckDB {
  #instance: Promise<Instance> | undefined

  /** Gives `work` a connection of its own. */
  async use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    this.#instance ??= open()
    const connection = await (await this.#instance).connect()
    try {
      return await work(connection)
    } finally {
      connection.closeSync()
    }
  }

  async close(): Promise<void> {
    const instance = await this.#instance
    this.#instance = undefined
    instance?.close()
  }
}

async function open(): Promise<Instance> {
  const { Instance } = await import('../platform/duckdb/instance.ts')
  return Instance.open({ memory: '128MB', threads: 1 })
}

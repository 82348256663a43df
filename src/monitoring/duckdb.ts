import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

/** An in-memory DuckDB, for reading and writing Parquet. The library is loaded on first use; what is made then is kept until `close`. */
export class DuckDB {
  #instance: Promise<DuckDBInstance> | undefined

  /** Gives `work` a connection of its own. */
  async use<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    this.#instance ??= this.#open()
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
    instance?.closeSync()
  }

  async #open(): Promise<DuckDBInstance> {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    return DuckDBInstance.create(':memory:', { memory_limit: '128MB', threads: '1', autoinstall_known_extensions: 'false' })
  }
}

import type { DuckDBConnection } from '@duckdb/node-api'

export interface DuckDB {
  readonly connection: DuckDBConnection
  readonly close: () => void
}

/** An in-memory DuckDB for one piece of work. The library is loaded on first use and an instance is not kept: the monitor is idle most of the time. */
export async function openDuckDB(): Promise<DuckDB> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '128MB', threads: '1', autoinstall_known_extensions: 'false' })
  const connection = await instance.connect()
  return {
    connection,
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

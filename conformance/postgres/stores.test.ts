import { after, before } from 'node:test'
import { DatabaseOnlineStore, type OnlineSchema, onlineRowsMigration } from '../../src/data/features/online/database-store.ts'
import { onlineStoreContract } from '../../src/data/features/online/contract.ts'
import { executionStoreContract } from '../../src/data/pipeline/executions/store-contract.ts'
import { openDatabase } from '../../src/platform/db/index.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

/** The stores of the data layer on the real PostgreSQL: the suites that they pass on SQLite. Each test has a schema of its own. */
let server: PostgresServer
let schemas = 0
before(async () => {
  server = await startPostgres()
})
after(() => server.stop())

const fresh = () => ({ url: server.url, schema: `store_${schemas++}` })

onlineStoreContract('database on PostgreSQL', async () => {
  const db = await openDatabase<OnlineSchema>({ ...fresh(), migrations: [onlineRowsMigration] })
  return { store: new DatabaseOnlineStore(db), close: () => db.close() }
})

executionStoreContract('executions on PostgreSQL', (migrations) => openDatabase({ ...fresh(), migrations }))

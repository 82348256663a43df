import { after, before } from 'node:test'
import { databaseContract } from '../../src/platform/db/contract.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

let server: PostgresServer | undefined
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

databaseContract('postgresql', (name, migrations) => ({ url: server?.url ?? '', schema: name.replaceAll('-', '_'), migrations }))

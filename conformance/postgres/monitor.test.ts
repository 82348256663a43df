import { after, before } from 'node:test'
import { joinContract } from '../../src/monitoring/inference/contract.ts'
import { monitorStories } from '../../src/monitoring/stories.ts'
import type { MonitorSchema } from '../../src/monitoring/tables.ts'
import { openDatabase } from '../../src/platform/db/index.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

/** The monitor on the real PostgreSQL: the suites that it passes on SQLite. */
let server: PostgresServer | undefined
let count = 0
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

joinContract('postgresql', (migrations) => openDatabase<MonitorSchema>({ url: server?.url ?? '', schema: `join_${count++}`, migrations }))
monitorStories(() => server?.createDatabase(`monitor_${count++}`) ?? '')

import { after, before } from 'node:test'
import { comparisonContract } from '../../src/monitoring/comparison/contract.ts'
import { joinContract } from '../../src/monitoring/inference/contract.ts'
import { monitorStories } from '../../src/monitoring/stories.ts'
import { type MonitorSchema, migrations } from '../../src/monitoring/tables.ts'
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
comparisonContract(() => openDatabase<MonitorSchema>({ url: server?.url ?? '', schema: `comparison_${count++}`, migrations }), 10)
monitorStories(() => server?.createDatabase(`monitor_${count++}`) ?? '')

import { after, before } from 'node:test'
import { rolloutStories } from '../../src/serving/routing/stories.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

/** Serving's rollouts on the real PostgreSQL: the suite that they pass on SQLite. */
let server: PostgresServer | undefined
let count = 0
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

rolloutStories(() => server?.createDatabase(`serving_${count++}`) ?? '')

import { after, before, describe } from 'node:test'
import { retentionStories } from '../../src/training/retention/stories.ts'
import { withService } from '../../src/training/testing.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

let server: PostgresServer | undefined
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

describe('what is deleted, on PostgreSQL', () => retentionStories(withService(() => `project: test\nstorage: {database: "${server?.createDatabase('retention') ?? ''}"}\n`)))

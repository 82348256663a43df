import { after, before, describe } from 'node:test'
import { killStories } from '../../src/serving/rollout/kill-stories.ts'
import { rolloutStories } from '../../src/serving/rollout/stories.ts'
import { followingStories } from '../../src/serving/routing/stories.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

/** Serving on the real PostgreSQL: the suites that it passes on SQLite. */
let server: PostgresServer | undefined
let count = 0
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

const storage = () => server?.createDatabase(`serving_${count++}`) ?? ''

describe('following aliases', () => followingStories({ storage }))
describe('rolling out', () => rolloutStories({ storage }))
describe('killed while rolling out', () => killStories({ storage, kills: 15, workers: 1 }))

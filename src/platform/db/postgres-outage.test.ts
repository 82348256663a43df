import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PostgresCursor, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import { databaseOf, nameOutages } from './postgres-outage.ts'

const URL_WITH_PASSWORD = 'postgresql://millrace:s3cret@db.example:5433/loop'
function failing(reason: unknown): PostgresPoolClient {
  function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  function query<R>(sql: string | PostgresCursor<R>): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    return typeof sql === 'string' ? Promise.reject(reason) : sql
  }
  return { query, release: () => undefined }
}
const pool = (connect: () => Promise<PostgresPoolClient>) => nameOutages({ connect, end: () => Promise.resolve(), options: {} }, URL_WITH_PASSWORD)
const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code })

const addresses: readonly (readonly [string, string])[] = [
  [URL_WITH_PASSWORD, 'PostgreSQL at db.example:5433, database loop,'],
  ['postgres://db.example/loop?sslmode=require', 'PostgreSQL at db.example:5432, database loop,'],
  ['postgresql:///loop?host=/var/run/postgresql', 'PostgreSQL at /var/run/postgresql:5432, database loop,'],
  ['postgresql://user:pa/ss@[broken', 'PostgreSQL'],
]
for (const [url, told] of addresses) test(`an address is told without user and password: ${told}`, () => assert.equal(databaseOf(url), told))

const outages: readonly Error[] = [
  coded('ECONNRESET', 'read ECONNRESET'),
  coded('57P01', 'terminating connection due to administrator command'),
  coded('57P03', 'the database system is starting up'),
  coded('08006', 'connection failure'),
  new Error('Connection terminated unexpectedly'),
  new Error('Client has encountered a connection error and is not queryable'),
]
for (const error of outages) {
  test(`a query that failed of it names the database: ${error.message}`, async () => {
    const client = await pool(async () => failing(error)).connect()
    const message = `PostgreSQL at db.example:5433, database loop, does not answer: ${error.message}`
    await assert.rejects(client.query('select 1', []), { code: 'DATABASE_UNAVAILABLE', status: 503, message, cause: error })
  })
}

for (const error of [coded('40001', 'could not serialize access'), coded('23505', 'duplicate key'), coded('57014', 'canceling statement'), new TypeError('a fault of ours')]) {
  test(`a query that failed for another reason fails as it did: ${error.message}`, async () => {
    const client = await pool(async () => failing(error)).connect()
    await assert.rejects(client.query('select 1', []), (thrown) => thrown === error)
  })
}

test('a connection that is refused names the database, whatever the reason, and all addresses that were tried', async () => {
  const refused = new AggregateError([coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:5433'), coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5433')])
  const both = 'PostgreSQL at db.example:5433, database loop, does not answer: connect ECONNREFUSED ::1:5433; connect ECONNREFUSED 127.0.0.1:5433'
  await assert.rejects(pool(() => Promise.reject(refused)).connect(), { code: 'DATABASE_UNAVAILABLE', message: both })
  await assert.rejects(pool(() => Promise.reject(coded('28P01', 'password authentication failed'))).connect(), { message: /does not answer: password authentication failed/ })
})

test('one client stays one client, and is given back as it was asked', async () => {
  const released: (boolean | undefined)[] = []
  const client = { ...failing(new Error()), release: (destroy?: boolean) => void released.push(destroy) }
  const named = pool(async () => client)
  const first = await named.connect()
  assert.equal(await named.connect(), first)
  first.release(true)
  first.release()
  assert.deepEqual(released, [true, undefined])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, Migration } from '../../../platform/db/index.ts'
import { type ExecutionsSchema, ExecutionStore, executionMigrations } from './store.ts'

/** What the queue promises on every database. `open` gives an empty one. */
export function executionStoreContract(driver: string, open: (migrations: readonly Migration[]) => Promise<Database<ExecutionsSchema>>): void {
  const on = (name: string, work: (store: ExecutionStore) => Promise<void>): void => {
    test(`${driver}: ${name}`, async () => {
      const db = await open(executionMigrations)
      try {
        await work(new ExecutionStore(db))
      } finally {
        await db.close()
      }
    })
  }
  const request = (key: string, model = 'm') => ({ key, model, reason: 'r', commit: 'c', params: { 'train.lr': 0.5 } })
  const nothing = (): Promise<void> => Promise.resolve()

  on('many requests at once make one execution of each key, in an order without gaps', async (store) => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => store.submit(`id${i}`, request(`key${i % 5}`), i)))
    assert.equal(answers.filter(({ isNew }) => isNew).length, 5)
    const listed = await store.list(100)
    assert.equal(listed.length, 5)
    for (const { execution } of answers) assert.equal(listed.find(({ key }) => key === execution.key)?.execution_id, execution.execution_id)
    assert.deepEqual((await store.byKey('key3'))?.request, request('key3'))
  })

  on('of many that claim at once one gets the oldest, and it is told to have started once', async (store) => {
    await store.submit('a', request('1'), 1)
    await store.submit('b', request('2'), 2)
    const started: string[] = []
    const note = async ({ execution_id: id }: { execution_id: string }): Promise<void> => {
      started.push(id)
    }
    const claims = await Promise.all(['o1', 'o2', 'o3'].map((owner) => store.claim(owner, 1000, 2000, note)))
    assert.deepEqual(claims.flatMap((claim) => claim?.execution_id ?? []), ['a'])
    assert.equal(await store.claim('late', 1999, 3000, note), undefined, 'the lease holds')
    assert.equal((await store.claim('heir', 2001, 4000, note))?.execution_id, 'a', 'the lease has ended')
    assert.deepEqual(started, ['a'])
    const loser = ['o1', 'o2', 'o3'][claims.findIndex((claim) => claim !== undefined)] ?? ''
    assert.deepEqual([await store.renew('a', loser, 9000), await store.renew('a', 'heir', 9000)], [false, true])
  })

  on('only who holds an execution ends it, once; then the next one can be claimed', async (store) => {
    await store.submit('a', request('1'), 1)
    await store.submit('b', request('2'), 2)
    await store.claim('holder', 1000, 2000, nothing)
    let told = 0
    const end = (owner: string): Promise<void> =>
      store.end('a', owner, { state: 'finished', error: null, ended_at: 1500 }, async () => {
        told++
      })
    await end('stranger')
    assert.equal((await store.byId('a'))?.state, 'running')
    await end('holder')
    await end('holder')
    assert.equal(told, 1)
    assert.equal((await store.byId('a'))?.ended_at, '1970-01-01T00:00:01.500Z')
    assert.equal((await store.claim('holder', 1600, 2600, nothing))?.execution_id, 'b')
    assert.deepEqual((await store.unfinished()).map(({ execution_id: id, state }) => [id, state]), [['b', 'running']])
  })

  on('progress is kept, and ended leases let another process go on at once', async (store) => {
    await store.submit('a', request('1'), 1)
    await store.claim('dead', 1000, 9_999_999, nothing)
    await store.record('a', { data: { 'data/raw': 'md5' }, stages: [{ name: 'train', state: 'running', seconds: null }] })
    await store.record('a', { result_commit: 'abc' })
    await store.endLeases()
    const taken = await store.claim('heir', 2000, 3000, nothing)
    assert.deepEqual([taken?.data, taken?.stages, taken?.result_commit], [{ 'data/raw': 'md5' }, [{ name: 'train', state: 'running', seconds: null }], 'abc'])
    assert.equal(taken?.started_at, '1970-01-01T00:00:01.000Z')
  })

  on('executions are listed newest first, of one model if asked', async (store) => {
    for (const [i, model] of ['x', 'y', 'x'].entries()) await store.submit(`id${i}`, request(`key${i}`, model), i)
    assert.deepEqual((await store.list(2)).map(({ execution_id: id }) => id), ['id2', 'id1'])
    assert.deepEqual((await store.list(10, 'x')).map(({ execution_id: id }) => id), ['id2', 'id0'])
  })
}

import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { Groups } from './groups.ts'

test('jobs of one turn, and those that come during a commit, share commits', async () => {
  const committed: (readonly number[])[] = []
  const groups = new Groups<number, number>(
    async (jobs) => {
      committed.push(jobs)
      await turn()
      return jobs.map((job) => ({ result: job * 2 }))
    },
    () => 1,
    100,
  )
  const first = Promise.all([groups.submit(1), groups.submit(2)])
  await turn()
  const second = [groups.submit(3), groups.submit(4)]
  assert.deepEqual([...(await first), ...(await Promise.all(second))], [2, 4, 6, 8])
  assert.deepEqual(committed, [[1, 2], [3, 4]])
})

test('a group holds no more than its weight; a heavier job is a group of its own', async () => {
  const committed: (readonly number[])[] = []
  const groups = new Groups<number, undefined>((jobs) => (committed.push(jobs), Promise.resolve(jobs.map(() => ({ result: undefined })))), (job) => job, 10)
  await Promise.all([4, 5, 3, 50, 1].map((job) => groups.submit(job)))
  assert.deepEqual(committed, [[4, 5], [3], [50], [1]])
})

test('one that is refused, or at whose fault a whole group fails, fails alone', async () => {
  const groups = new Groups<string, string>(
    (jobs) => {
      if (jobs.includes('poison')) throw new Error('cannot be stored')
      return Promise.resolve(jobs.map((job) => (job === 'refused' ? { error: new Error('refused') } : { result: job })))
    },
    () => 1,
    100,
  )
  const settled = await Promise.allSettled(['a', 'poison', 'refused', 'b'].map((job) => groups.submit(job)))
  assert.deepEqual(settled.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))), ['a', 'Error: cannot be stored', 'Error: refused', 'b'])
  assert.equal(await groups.submit('later'), 'later')
})

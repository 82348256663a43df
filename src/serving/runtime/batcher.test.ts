import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { Batcher, type Slice } from './batcher.ts'
import type { Job } from './row-model.ts'

const POISON = -1

interface Recorded {
  readonly batches: number[]
  readonly committed: string[]
}

/** Doubles each number. A batch that holds the poison fails, as one bad tensor fails a whole run. */
function doubling(maxRows: number, recorded: Recorded): Batcher<Job> {
  return new Batcher<Job>({
    maxRows,
    run: async (slices, rows) => {
      recorded.batches.push(rows)
      await new Promise((resolve) => setImmediate(resolve))
      const values = slices.flatMap(({ job, from, to }) => [...job.numeric.subarray(from, to)])
      if (values.includes(POISON)) throw new MillraceError('PREDICTION_FAILED', 'poisoned')
      for (const { job, from, to } of slices) for (let row = from; row < to; row++) job.scores[row] = 2 * job.numeric[row]!
    },
    commit: (slices: readonly Slice<Job>[]) => {
      for (const { from, to } of slices) recorded.committed.push(`${from}–${to}`)
      return undefined
    },
  })
}

function submit(batcher: Batcher<Job>, values: readonly number[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const scores = new Float64Array(values.length)
    batcher.submit({
      request: { rows: [] },
      rows: values.length,
      numeric: Float64Array.from(values),
      categorical: [],
      scores,
      parts: null, labels: new Float64Array(values.length),
      settle: (error) => (error ? reject(error) : resolve([...scores])),
    })
  })
}

describe('the batcher', () => {
  test('runs a batch again job by job for what one of them may have brought about, and for nothing else', async () => {
    for (const [code, runs] of [['INPUT_INVALID', 4], ['TIMEOUT', 1]] as const) {
      let count = 0
      const batcher = new Batcher<Job>({
        maxRows: 8,
        run: async () => {
          count++
          throw new MillraceError(code, 'no')
        },
        commit: () => undefined,
      })
      const answers = await Promise.allSettled([1, 2, 3].map((value) => submit(batcher, [value])))
      assert.deepEqual(answers.map(({ status }) => status), ['rejected', 'rejected', 'rejected'])
      assert.equal(count, runs, code)
    }
  })

  test('gives thousands of concurrent requests of mixed sizes each its own answer, and only the bad ones fail', async () => {
    const request = fc.array(fc.oneof({ weight: 50, arbitrary: fc.nat(1000) }, { weight: 1, arbitrary: fc.constant(POISON) }), { minLength: 1, maxLength: 40, size: 'max' })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 100, maxLength: 400, size: 'max' }), fc.integer({ min: 1, max: 64 }), fc.array(fc.nat(3)), async (requests, maxRows, pauses) => {
        const recorded: Recorded = { batches: [], committed: [] }
        const batcher = doubling(maxRows, recorded)
        const answers: Promise<PromiseSettledResult<number[]>[]>[] = []
        for (const [i, values] of requests.entries()) {
          answers.push(Promise.allSettled([submit(batcher, values)]))
          for (let pause = pauses[i % Math.max(1, pauses.length)] ?? 0; pause > 0; pause--) await new Promise((resolve) => setImmediate(resolve))
        }
        for (const [i, [answer]] of (await Promise.all(answers)).entries()) {
          const values = requests[i] ?? []
          if (values.includes(POISON)) assert.equal(answer?.status, 'rejected')
          else assert.deepEqual(answer, { status: 'fulfilled', value: values.map((value) => 2 * value) })
        }
        assert.ok(recorded.batches.every((rows) => rows <= maxRows))
        assert.equal(batcher.queued, 0)
      }),
      { numRuns: 15 },
    )
  })

  test('a request alone goes at once; those that come while it is predicted go together', async () => {
    const recorded: Recorded = { batches: [], committed: [] }
    const batcher = doubling(100, recorded)
    const first = submit(batcher, [1])
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all([first, submit(batcher, [2]), submit(batcher, [3, 4])])
    assert.deepEqual(recorded.batches, [1, 3])
  })

  test('a request with more rows than a batch holds goes in parts and is answered whole', async () => {
    const recorded: Recorded = { batches: [], committed: [] }
    assert.deepEqual(await submit(doubling(3, recorded), [1, 2, 3, 4, 5, 6, 7]), [2, 4, 6, 8, 10, 12, 14])
    assert.deepEqual(recorded.committed, ['0–3', '3–6', '6–7'])
  })

  test('when the commit fails, every request of the batch fails, and the next batch goes on', async () => {
    let full = true
    const batcher = new Batcher<Job>({
      maxRows: 10,
      run: async () => undefined,
      commit: () => {
        if (full) throw new MillraceError('DISK_FULL', 'no space')
        return undefined
      },
    })
    const results = await Promise.allSettled([submit(batcher, [1]), submit(batcher, [2])])
    assert.deepEqual(results.map(({ status }) => status), ['rejected', 'rejected'])
    full = false
    assert.deepEqual(await submit(batcher, [1]), [0])
  })

  test('an answer waits for a commit that takes its time, the next batch does not', async () => {
    const order: string[] = []
    let release: () => void = () => undefined
    const slow = new Promise<void>((resolve) => (release = resolve))
    let commits = 0
    const batcher = new Batcher<Job>({
      maxRows: 10,
      run: async () => undefined,
      commit: () => (commits++ === 0 ? slow : undefined),
    })
    const first = submit(batcher, [1]).then(() => order.push('first'))
    await new Promise((resolve) => setImmediate(resolve))
    await submit(batcher, [2]).then(() => order.push('second'))
    release()
    await first
    assert.deepEqual(order, ['second', 'first'])
  })
})

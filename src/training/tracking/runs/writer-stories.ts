import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '../../../api/tracking.ts'
import type { ServiceUnderTest } from '../../testing.ts'

const CLIENTS = 64
const RUNS = 200

/** Many that write at once, and what is kept of runs outside their tables: nothing is lost, nothing is out of date. */
export function writerStories({ send }: ServiceUnderTest): void {
  const post = async (path: string, body: unknown): Promise<number> => (await send('POST', `/api/2.0/mlflow/runs/${path}`, { body })).status
  const create = async (name: string): Promise<string> => {
    const { text } = await send('POST', '/api/2.0/mlflow/runs/create', { body: { experiment_id: '0', run_name: name } })
    const created: { run: Run } = JSON.parse(text)
    return created.run.info.run_id
  }
  const get = async (runId: string): Promise<Run> => {
    const found: { run: Run } = JSON.parse((await send('GET', `/api/2.0/mlflow/runs/get?run_id=${runId}`)).text)
    return found.run
  }
  const history = async (runId: string, key: string): Promise<readonly { readonly step: number; readonly value: unknown }[]> => {
    const { text } = await send('GET', `/api/2.0/mlflow/metrics/get-history?run_id=${runId}&metric_key=${key}`)
    const found: { metrics: { step: number; value: unknown }[] } = JSON.parse(text)
    return found.metrics
  }

  test(`${CLIENTS} clients write to one run at once and nothing is lost`, async () => {
    const runId = await create('shared')
    const statuses = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => [
        await post('log-metric', { run_id: runId, key: 'all', value: i, timestamp: i, step: i }),
        await post('log-parameter', { run_id: runId, key: `p${i}`, value: String(i) }),
        await post('log-batch', { run_id: runId, metrics: [{ key: `m${i}`, value: i, timestamp: 1 }, { key: 'all', value: i, timestamp: i, step: CLIENTS + i }], tags: [{ key: `t${i}`, value: 'x' }] }),
      ]),
    )
    assert.deepEqual(new Set(statuses.flat()), new Set([200]))
    const { data } = await get(runId)
    assert.deepEqual([data.metrics.length, data.params.length, data.tags.length], [CLIENTS + 1, CLIENTS, CLIENTS + 1])
    assert.equal(data.metrics.find(({ key }) => key === 'all')?.step, 2 * CLIENTS - 1)
    assert.deepEqual((await history(runId, 'all')).map(({ step }) => step).toSorted((a, b) => a - b), Array.from({ length: 2 * CLIENTS }, (_, i) => i))
  })

  test(`and to ${RUNS} runs at once`, async () => {
    const ids = await Promise.all(Array.from({ length: RUNS }, (_, i) => create(`of many ${i}`)))
    const work = Array.from({ length: RUNS * 3 }, (_, i) => i)
    const statuses = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const own: number[] = []
        for (let i = work.pop(); i !== undefined; i = work.pop()) own.push(await post('log-metric', { run_id: ids[i % RUNS], key: 'm', value: i, timestamp: i, step: Math.floor(i / RUNS) }))
        return own
      }),
    )
    assert.deepEqual(statuses.flat().filter((status) => status !== 200), [])
    for (const id of ids.slice(0, 20)) assert.equal((await history(id, 'm')).length, 3)
  })

  test('the same point sent by many at once is one', async () => {
    const runId = await create('retried')
    await Promise.all(Array.from({ length: 16 }, () => post('log-metric', { run_id: runId, key: 'm', value: 0.5, timestamp: 7, step: 1 })))
    assert.equal((await history(runId, 'm')).length, 1)
  })

  test('of many that give one param different values one is taken, and what came with the others is not there', async () => {
    const runId = await create('contended')
    const statuses = await Promise.all(
      Array.from({ length: 16 }, (_, i) => post('log-batch', { run_id: runId, params: [{ key: 'p', value: String(i) }], metrics: [{ key: `with ${i}`, value: 1, timestamp: 1 }] })),
    )
    assert.deepEqual(statuses.toSorted(), [200, ...Array.from({ length: 15 }, () => 400)])
    const { data } = await get(runId)
    assert.deepEqual(data.metrics.map(({ key }) => key), [`with ${data.params[0]?.value}`])
  })

  test('requests for runs that are not there are refused alone', async () => {
    const runId = await create('alone')
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => post('log-metric', { run_id: i % 2 === 0 ? runId : `missing${i}`, key: 'm', value: i, timestamp: 1, step: i })),
    )
    assert.deepEqual(statuses, Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 200 : 404)))
    assert.equal((await history(runId, 'm')).length, 10)
  })

  test('a run is read as it was last written, whatever was written', async () => {
    const ids = [await create('a'), await create('b')]
    const model = ids.map((_, i) => ({ name: i === 0 ? 'a' : 'b', status: 'RUNNING', stage: 'active', metrics: new Map<string, number>(), params: new Map<string, string>(), tags: new Map<string, string>(), datasets: 0 }))
    let seed = 7
    const random = (below: number): number => (seed = (Math.imul(seed, 48_271) >>> 0) % 2_147_483_647) % below
    for (let step = 0; step < 80; step++) {
      const at = random(2)
      const run_id = ids[at] ?? ''
      const run = model[at]
      assert.ok(run)
      const key = `k${random(3)}`
      const value = String(step)
      const changes: readonly (() => Promise<number>)[] = [
        () => (run.metrics.set(key, step), post('log-metric', { run_id, key, value: step, timestamp: step, step })),
        () => (run.tags.set(key, value), post('set-tag', { run_id, key, value })),
        () => (run.params.set(value, value), post('log-parameter', { run_id, key: value, value })),
        () => ((run.name = value), post('update', { run_id, run_name: value })),
        () => ((run.name = value), post('set-tag', { run_id, key: 'mlflow.runName', value })),
        () => ((run.status = step % 2 === 0 ? 'FINISHED' : 'RUNNING'), post('update', { run_id, status: run.status })),
        () => (run.tags.delete('gone'), post('set-tag', { run_id, key: 'gone', value }).then(() => post('delete-tag', { run_id, key: 'gone' }))),
        () => (run.datasets++, post('log-inputs', { run_id, datasets: [{ dataset: { name: value, digest: 'd', source_type: 'local', source: '{}' } }] })),
        () => post('delete', { run_id }).then(() => post('restore', { run_id })),
      ]
      assert.equal(await changes[random(changes.length)]?.(), 200)
      const { info, data, inputs } = await get(run_id)
      assert.deepEqual([info.run_name, info.status, info.lifecycle_stage, inputs.dataset_inputs.length], [run.name, run.status, run.stage, run.datasets])
      assert.deepEqual(new Map(data.metrics.map((metric) => [metric.key, metric.value])), run.metrics)
      assert.deepEqual(new Map(data.params.map((param) => [param.key, param.value])), run.params)
      assert.deepEqual(new Map(data.tags.filter((tag) => tag.key !== 'mlflow.runName').map((tag) => [tag.key, tag.value])), run.tags)
    }
  })

  test('a long history comes in parts, and each page of it follows the last', async () => {
    const runId = await create('long')
    const points = Array.from({ length: 4500 }, (_, step) => ({ key: 'm', value: Math.sin(step), timestamp: 1000 + (step % 7), step }))
    for (let at = 0; at < points.length; at += 1000) assert.equal(await post('log-batch', { run_id: runId, metrics: points.slice(at, at + 1000) }), 200)
    const inOrder = points.toSorted((a, b) => a.timestamp - b.timestamp || a.step - b.step).map(({ step, value }) => ({ step, value }))
    assert.deepEqual((await history(runId, 'm')).map(({ step, value }) => ({ step, value })), inOrder)
    const paged: unknown[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { text } = await send('GET', `/api/2.0/mlflow/metrics/get-history?run_id=${runId}&metric_key=m&max_results=700&page_token=${token}`)
      const page: { metrics: { step: number; value: number }[]; next_page_token?: string } = JSON.parse(text)
      paged.push(...page.metrics.map(({ step, value }) => ({ step, value })))
      token = page.next_page_token
    }
    assert.deepEqual(paged, inOrder)
  })
}

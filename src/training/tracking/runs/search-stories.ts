import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Run } from '../../../api/tracking.ts'
import type { ServiceUnderTest } from '../../testing.ts'

/** More than a search gathers and sorts (search-start.ts), so that it walks along an index. */
const RUNS = 1150
const AT_ONCE = 32

interface Made {
  readonly name: string
  readonly start: number
  readonly metric: number | undefined
  readonly other: number
  readonly kind: string
}

/** Many values, ties, NaN, infinities and none. */
function make(i: number): Made {
  const metric = i % 11 === 0 ? undefined : i % 13 === 0 ? Number.NaN : i % 97 === 0 ? Number.NEGATIVE_INFINITY : (i * 37) % 100
  return { name: `r${i}`, start: 1000 + (i % 50), metric, other: i % 10, kind: i % 3 === 0 ? 'a' : 'b' }
}

/** Searches of an experiment with many runs, against the same search done by hand. */
export function searchStories({ send }: ServiceUnderTest): void {
  const made = Array.from({ length: RUNS }, (_, i) => make(i))
  const ids = new Map<string, string>()
  let experiment = ''
  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const { status, text } = await send('POST', `/api/2.0/mlflow/${path}`, { body })
    assert.equal(status, 200, text)
    return JSON.parse(text) as T
  }
  before(async () => {
    experiment = (await post<{ experiment_id: string }>('experiments/create', { name: 'many' })).experiment_id
    const left = [...made]
    const work = async (): Promise<void> => {
      for (let one = left.pop(); one !== undefined; one = left.pop()) {
        const { run } = await post<{ run: Run }>('runs/create', { experiment_id: experiment, run_name: one.name, start_time: one.start, tags: [{ key: 'kind', value: one.kind }] })
        ids.set(one.name, run.info.run_id)
        const value = one.metric === undefined ? undefined : Number.isFinite(one.metric) ? one.metric : String(one.metric)
        const metrics = [{ key: 'other', value: one.other, timestamp: 1 }, ...(value === undefined ? [] : [{ key: 'm', value, timestamp: 1 }])]
        await post('runs/log-batch', { run_id: run.info.run_id, metrics })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  })

  const rank = ({ metric }: Made): number => (metric === undefined ? 2 : Number.isNaN(metric) ? 1 : 0)
  const ties = (a: Made, b: Made): number => b.start - a.start || ((ids.get(a.name) ?? '') < (ids.get(b.name) ?? '') ? -1 : 1)
  const byMetric = (sign: number) => (a: Made, b: Made) => rank(a) - rank(b) || (rank(a) === 0 && a.metric !== b.metric ? sign * ((a.metric ?? 0) < (b.metric ?? 0) ? -1 : 1) : 0)

  const all = async (search: object, size: number): Promise<readonly string[]> => {
    const found: string[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page: { runs: readonly Run[]; next_page_token?: string } = await post('runs/search', { experiment_ids: [experiment], max_results: size, page_token: token, ...search })
      found.push(...page.runs.map(({ info }) => info.run_name))
      assert.ok(page.runs.length === size || page.next_page_token === undefined)
      token = page.next_page_token
    }
    return found
  }

  const cases: readonly (readonly [string, object, (one: Made) => boolean, (a: Made, b: Made) => number])[] = [
    ['by a metric, rising', { order_by: ['metrics.m'] }, () => true, byMetric(1)],
    ['by a metric, falling', { order_by: ['metrics.m DESC'] }, () => true, byMetric(-1)],
    ['by a metric and another', { order_by: ['metrics.m DESC', 'metrics.other ASC'] }, () => true, (a, b) => byMetric(-1)(a, b) || a.other - b.other],
    ['by a metric that is filtered too', { order_by: ['metrics.m'], filter: 'metrics.m > 50' }, ({ metric = Number.NaN }) => metric > 50, byMetric(1)],
    ['by a metric, those that are not some value', { order_by: ['metrics.m DESC'], filter: 'metrics.m != 3' }, ({ metric }) => metric !== undefined && metric !== 3, byMetric(-1)],
    ['by a metric, filtered by others', { order_by: ['metrics.m'], filter: "metrics.other >= 4 and tags.kind = 'b'" }, ({ other, kind }) => other >= 4 && kind === 'b', byMetric(1)],
    ['by a metric, a filter with few', { order_by: ['metrics.m DESC'], filter: 'metrics.other = 7' }, ({ other }) => other === 7, byMetric(-1)],
    ['by time', { order_by: ['start_time'] }, () => true, (a, b) => a.start - b.start],
    ['in the order of old', {}, () => true, () => 0],
    ['none', { filter: "tags.kind = 'c'", order_by: ['metrics.m'] }, () => false, () => 0],
  ]
  for (const [does, search, holds, order] of cases) {
    for (const size of [97, 1000, 5000]) {
      test(`many runs ${does}, ${size} a page`, async () => {
        const expected = made.filter(holds).toSorted((a, b) => order(a, b) || ties(a, b)).map(({ name }) => name)
        assert.deepEqual(await all(search, size), expected)
      })
    }
  }

  test('a run that joins while one pages is no reason to see another twice', async () => {
    const search = { experiment_ids: [experiment], order_by: ['metrics.m DESC'], max_results: 100 }
    type Page = { runs: readonly Run[]; next_page_token: string }
    const first = await post<Page>('runs/search', search)
    const { run } = await post<{ run: Run }>('runs/create', { experiment_id: experiment })
    await post('runs/log-metric', { run_id: run.info.run_id, key: 'm', value: 1e9, timestamp: 1 })
    const second = await post<Page>('runs/search', { ...search, page_token: first.next_page_token })
    const seen = new Set(first.runs.map(({ info }) => info.run_id))
    assert.deepEqual(second.runs.filter(({ info }) => seen.has(info.run_id)), [])
  })
}

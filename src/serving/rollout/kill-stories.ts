import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { registryClient } from '../../../sdk/registry.ts'
import { servingClient } from '../../../sdk/serving.ts'
import type { MillraceEvent, OutboxPage } from '../../api/events.ts'
import type { RolloutAction, RolloutState } from '../../api/rollouts.ts'
import { type ServingProcess, startServingProcess } from '../testing-process.ts'
import { type StoryOptions, setUpStories } from '../testing-stories.ts'
import { ROW, until } from '../testing.ts'

export interface KillOptions extends Pick<StoryOptions, 'storage'> {
  readonly kills: number
  readonly workers: number
}

/** A request that was answered, or a command; by performance.now(). */
interface Acknowledged {
  readonly sent: number
  readonly version: string
  readonly arm: string | null
}

const BY = { actor: 'ada', reason: 'release' }
const DRIVERS = 4
const LIVE: ReadonlySet<string> = new Set(['progressing', 'paused', 'promoting'])
/** Steps so short that kills meet all of them; a candidate that fails (version 4) goes after its second failure. */
const YAML = 'deployments: [{model: delay, rollout: {steps: [{weight: 30, pause: 150ms}, {weight: 60, pause: 150ms}], analysis: {min_requests: 3, max_error_rate: 0.4}}}]'

const SLOWLY = 'deployments: [{model: delay, rollout: {steps: [{weight: 40}, {weight: 60, pause: 1d}]}}]'

/** Rollouts whose process is killed with -9 at random moments, under load, while others start, end and fail. */
export function killStories({ storage, kills, workers }: KillOptions): void {
  let serving: ServingProcess | undefined
  const story = setUpStories(
    { ...(storage && { storage }), start: async (folder, options) => (serving = await startServingProcess(folder, { ...options, workers })) },
    { versions: { 1: 'one', 2: 'two', 4: 'plain' }, aliases: { champion: '1', challenger: '2' } },
  )

  test('killed after a command was acknowledged, it has the state that this made, and all counts up to it', async () => {
    const client = () => servingClient(createTransport(story.url))
    await story.start(SLOWLY)
    await until(async () => /alias="challenger"/.test(await story.metrics().catch(() => '')))
    await client().moveRollout('delay', 'start', BY)
    const first = await answers(client(), 60)
    await until(async () => (await client().rollout('delay'))?.phase === 'paused')
    await client().moveRollout('delay', 'resume', BY)
    const second = await answers(client(), 60)
    const paused = await client().moveRollout('delay', 'pause', BY)
    serving?.child.kill('SIGKILL')
    await story.start(SLOWLY)
    const after = await client().rollout('delay')
    assert.ok(after)
    assert.deepEqual([after.rollout, after.phase, after.step, after.weight], [paused.rollout, 'paused', 1, 60])
    assert.deepEqual(after.exposed, { champion: (first['1'] ?? 0) + (second['1'] ?? 0), candidate: (first['2'] ?? 0) + (second['2'] ?? 0) })
    assert.deepEqual(await answers(client(), 60), second, 'the same keys go to the same versions')
  })

  test(`killed ${kills} times, a rollout goes on where it was, nothing acknowledged is lost, and nothing is done twice`, async () => {
    const registry = registryClient(createTransport(story.registry.url))
    const client = () => servingClient(createTransport(story.url))
    const answered = new Map<string, Acknowledged>()
    /** When the end of a rollout was acknowledged. */
    const ended = new Map<string, number>()
    const running = { load: true }
    let next = 0

    async function drive(): Promise<void> {
      while (running.load) {
        const id = `r${next++}`
        const sent = performance.now()
        try {
          const response = await fetch(`${story.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-request-id': id }, body: JSON.stringify({ dataframe_records: [ROW] }) })
          await response.arrayBuffer()
          if (response.ok) answered.set(id, { sent, version: String(response.headers.get('x-millrace-model-version')), arm: response.headers.get('x-millrace-rollout-arm') })
        } catch {
          await sleep(20)
        }
      }
    }

    /** undefined where nobody answered. */
    async function act(action: RolloutAction, version?: string): Promise<RolloutState | undefined> {
      try {
        return await client().moveRollout('delay', action, { ...BY, ...(version === undefined ? {} : { version }) })
      } catch {
        return undefined
      }
    }

    async function conduct(): Promise<void> {
      while (running.load) {
        await sleep(20 + Math.random() * 100)
        const state = await client().rollout('delay').catch(() => undefined)
        if (state && LIVE.has(state.phase)) {
          const end = Math.random() < 0.1 ? await act(Math.random() < 0.5 ? 'abort' : 'promote') : undefined
          if (end && !LIVE.has(end.phase)) ended.set(end.rollout, performance.now())
        } else {
          const champion = (await registry.getByAlias('delay', 'champion'))?.version
          await act('start', Math.random() < 0.3 ? '4' : champion === '1' ? '2' : '1')
        }
      }
    }

    await story.start(YAML)
    await until(async () => /alias="challenger"/.test(await story.metrics().catch(() => '')))
    const busy = [...Array.from({ length: DRIVERS }, drive), conduct()]
    let last: RolloutState | undefined
    for (let i = 0; i < kills; i++) {
      const enough = answered.size + 20
      await until(() => answered.size > enough)
      await sleep(Math.random() * 300)
      last = (await client().rollout('delay').catch(() => undefined)) ?? last
      serving?.child.kill('SIGKILL')
      await story.start(YAML)
      const state = await client().rollout('delay')
      if (!last || !state || state.rollout !== last.rollout) continue
      assert.ok(state.step >= last.step, 'a step is not taken back')
      if (!LIVE.has(last.phase)) assert.equal(state.phase, last.phase, 'an end is one')
    }
    running.load = false
    await Promise.all(busy)
    await act('abort')
    await until(async () => !LIVE.has((await client().rollout('delay'))?.phase ?? ''))

    const records = Map.groupBy((await story.journal()).filter(({ role }) => role === 'champion'), ({ id }) => id)
    for (const [id, { sent, version, arm }] of answered) {
      const [record, ...more] = records.get(id) ?? []
      assert.ok(record, `${id} was answered and is not in the journal`)
      assert.equal(more.length, 0, `${id} stands there twice`)
      assert.deepEqual([record.version, record.exposure?.arm ?? null], [version, arm])
      const end = record.exposure && ended.get(record.exposure.rollout)
      assert.ok(end === undefined || sent < end, 'nothing is exposed to a rollout whose end was acknowledged before')
    }
    const told = await events(story.url)
    assertEachOnce(told)
    const finished = await client().rollout('delay')
    assert.ok(finished)
    const exposed = [...records.values()].flat().filter(({ exposure }) => exposure?.rollout === finished.rollout && exposure.by === 'weight').length
    assert.ok(finished.exposed.champion + finished.exposed.candidate <= exposed + DRIVERS * kills, 'no exposure is counted twice')
    const [deployment] = await client().deployments()
    assert.equal(deployment?.version, (await registry.getByAlias('delay', 'champion'))?.version, 'what answers is what the alias says')
    assert.notEqual(deployment?.version, '4', 'one that fails is never promoted')
  })
}

/** By version, which answered so many requests. */
async function answers(client: ReturnType<typeof servingClient>, count: number): Promise<Record<string, number>> {
  const versions: Record<string, number> = {}
  for (const { version } of await Promise.all(Array.from({ length: count }, (_, i) => client.predict('delay', [ROW], { requestId: `asked-${i}` })))) versions[version] = (versions[version] ?? 0) + 1
  return versions
}

async function events(url: string): Promise<readonly MillraceEvent[]> {
  const all: MillraceEvent[] = []
  for (;;) {
    const page = (await (await fetch(`${url}/-/outbox?after=${all.at(-1)?.seq ?? 0}&limit=500`)).json()) as OutboxPage
    if (page.events.length === 0) return all
    all.push(...page.events)
  }
}

/** Of each rollout: no step taken twice, one end, and nothing after it; and no two rollouts at once. */
function assertEachOnce(told: readonly MillraceEvent[]): void {
  const steps = new Set<string>()
  let live: string | undefined
  for (const { type, data } of told) {
    if (!('rollout' in data) || typeof data.rollout !== 'string') continue
    const over = type === 'dev.millrace.deployment.rolled_back' || ('phase' in data && data.phase === 'promoted')
    const step = 'phase' in data ? `${data.rollout} ${data.phase} ${data.step}` : `${data.rollout} rolled back`
    assert.ok(!steps.has(step), `${step} happened twice`)
    steps.add(step)
    assert.ok(live === undefined || live === data.rollout, `${data.rollout} began before ${live} had ended`)
    live = over ? undefined : data.rollout
  }
}

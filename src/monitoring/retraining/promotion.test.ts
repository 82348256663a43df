import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Execution } from '../../api/pipelines.ts'
import { projectConfigSchema } from '../../domain/config.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { SimulatedClock } from '../../platform/clock/index.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import { Outbox } from '../../platform/events/outbox.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { insertMany } from '../inference/bulk.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { type CandidateRow, type Gate, addCandidate, findCandidate, updateCandidate } from './candidates.ts'
import { Promotion } from './promotion.ts'
import { MemoryRegistry } from './testing.ts'

const NOW = Date.parse('2013-06-01T00:00:00Z')
const GOOD = { log_loss: 0.5, base_rate_log_loss: 0.62, ece: 0.01, latency_p99_ms: 2 }
const EXECUTION: Execution = {
  execution_id: 'e1', key: 'c', model: 'm', reason: 'drift', state: 'running', commit: '', result_commit: null, data: {}, stages: [], run_id: null, version: null, unchanged: null,
  error: null, created_at: '', started_at: null, ended_at: null,
}
const PASSED: Gate = { gate: 'candidate', passed: true, checks: [] }

class World {
  readonly db: Database<MonitorSchema>
  readonly registry = new MemoryRegistry()
  readonly clock = new SimulatedClock(new Date(NOW))
  readonly started: string[] = []
  readonly warnings: string[] = []
  readonly outbox: Outbox
  execution: Execution = EXECUTION
  online: readonly string[] = []
  readonly #promotion: Promotion

  private constructor(db: Database<MonitorSchema>, shadow: readonly string[]) {
    this.db = db
    this.outbox = new Outbox(db, 'monitor', this.clock)
    const yaml = `project: test\ndeployments: [{model: m, shadow: [${shadow.join(', ')}]}]\nretraining: [{model: m, promote: {margin: -0.002}}]\n`
    this.#promotion = new Promotion({
      config: parseConfig(projectConfigSchema, yaml, 'millrace.yaml', {}),
      db,
      outbox: this.outbox,
      clock: this.clock,
      log: pino({ level: 'warn' }, { write: (line: string) => void this.warnings.push(line) }),
      registry: this.registry,
      featureViews: async () => [{ name: 'weather', entity: 'airport', features: this.online, online: true, rows: 1 }],
      startExecution: async ({ key }) => {
        this.started.push(key)
        return this.execution
      },
      execution: async () => this.execution,
      caughtUp: async () => undefined,
    })
    this.registry.metrics.set('1', GOOD).set('2', GOOD).set('3', GOOD)
  }

  static async make(shadow: readonly string[] = ['frozen', 'challenger']): Promise<World> {
    return new World(await openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations }), shadow)
  }

  /** A candidate as it stands after earlier steps. */
  async candidate(id: string, change: Parameters<typeof updateCandidate>[2]): Promise<void> {
    await addCandidate(this.db.kysely, { id, model: 'm', version: '2', reason: 'drift', state: 'gating', requestedAt: NOW })
    await updateCandidate(this.db.kysely, id, change)
  }

  async find(id = 'c'): Promise<CandidateRow> {
    const found = await findCandidate(this.db.kysely, id)
    assert.ok(found)
    return found
  }

  /** Takes steps until none is due. */
  async settle(id = 'c'): Promise<CandidateRow> {
    while (await this.#promotion.step(await this.find(id))) continue
    return this.find(id)
  }

  async waitingFor(id = 'c'): Promise<string | null> {
    return this.#promotion.waitingFor(await this.find(id))
  }

  async decisions() {
    return (await this.outbox.read(0, 100)).flatMap(({ type, data }) => (type === 'dev.millrace.gate.decided' && 'gate' in data ? [[data.version, data.gate, data.passed]] : []))
  }

  /** Labelled requests of the shadow period that version 1 answered and `shadow` predicted beside it. */
  async pairs(count: number, answer: (label: number) => number, shadow: (label: number) => number, options: { readonly from?: number; readonly labelledAt?: number; readonly version?: string } = {}): Promise<void> {
    const { from = NOW, labelledAt = NOW + DAY_MS, version = '2' } = options
    const requests: MonitorSchema['requests'][] = []
    const scores: MonitorSchema['scores'][] = []
    const truths: MonitorSchema['truths'][] = []
    for (let i = 0; i < count; i++) {
      const pid = from + i
      const label = i % 2
      requests.push({ pid, request_id: String(pid), row: 0, model: 'm', time: from + i, version: '1' })
      scores.push({ pid, alias: 'champion', version: '1', answered: 1, ordinal: pid, score: answer(label) }, { pid, alias: 'challenger', version, answered: 0, ordinal: pid, score: shadow(label) })
      truths.push({ pid, label, time: labelledAt })
    }
    await this.db.transaction(async (trx) => {
      await insertMany(trx, 'requests', requests)
      await insertMany(trx, 'scores', scores)
      await insertMany(trx, 'truths', truths)
    })
  }
}

const sure = (label: number): number => (label === 1 ? 0.9 : 0.1)
const unsure = (label: number): number => (label === 1 ? 0.6 : 0.4)

test('an execution is started under the candidate’s own key and asked for until it ends', async () => {
  const world = await World.make()
  await world.candidate('c', { state: 'executing', version: null })
  assert.equal(await world.waitingFor(), 'an execution for m to be started (drift)')
  const { state, executionId } = await world.settle()
  assert.deepEqual([state, executionId, world.started, await world.waitingFor()], ['executing', 'e1', ['c'], 'execution e1 (drift)'])
  await world.db.close()
})

const executions: readonly { name: string; execution: Partial<Execution>; state: string }[] = [
  { name: 'one that runs is waited for', execution: { state: 'running' }, state: 'executing' },
  { name: 'one that is queued is waited for', execution: { state: 'queued' }, state: 'executing' },
  { name: 'one that failed makes no candidate', execution: { state: 'failed', error: 'no memory' }, state: 'failed' },
  { name: 'one that registered nothing makes no candidate', execution: { state: 'finished', version: null }, state: 'failed' },
  { name: 'one that made the model that answers already is not judged again', execution: { state: 'finished', version: null, unchanged: '1' }, state: 'unchanged' },
  { name: 'one that registered a version hands it to the gate, where it passes and waits in shadow', execution: { state: 'finished', version: '2' }, state: 'shadowing' },
]
for (const { name, execution, state } of executions) {
  test(`of executions, ${name}`, async () => {
    const world = await World.make()
    world.registry.aliases.set('champion', '1')
    await world.candidate('c', { state: 'executing', version: null, execution_id: 'e1' })
    world.execution = { ...EXECUTION, ...execution }
    const candidate = await world.settle()
    assert.deepEqual([candidate.state, candidate.decidedAt], [state, state === 'failed' || state === 'unchanged' ? NOW : null])
    await world.db.close()
  })
}

const gates: readonly { name: string; metrics?: Readonly<Record<string, number>>; needs?: readonly string[]; champion?: string; other?: boolean; state: string; moves: readonly string[] }[] = [
  { name: 'the first version answers at once, and is frozen for comparison', state: 'promoted', moves: ['frozen → 2', 'champion → 2'] },
  { name: 'a later one runs in shadow', champion: '1', state: 'shadowing', moves: ['challenger → 2'] },
  { name: 'one that answers already has nothing to prove', champion: '2', state: 'promoted', moves: [] },
  { name: 'one no better than the base rate is refused', metrics: { ...GOOD, log_loss: 0.62 }, champion: '1', state: 'refused', moves: [] },
  { name: 'one whose run logged nothing is refused', metrics: {}, champion: '1', state: 'refused', moves: [] },
  { name: 'one whose features are all served passes', needs: ['weather:temp'], champion: '1', state: 'shadowing', moves: ['challenger → 2'] },
  { name: 'one that needs a feature that is not served is refused', needs: ['weather:wind'], champion: '1', state: 'refused', moves: [] },
  { name: 'one that passed waits while another runs in shadow', champion: '1', other: true, state: 'gating', moves: [] },
  { name: 'one that fails does not wait to be told', metrics: {}, champion: '1', other: true, state: 'refused', moves: [] },
]
for (const { name, metrics = GOOD, needs, champion, other = false, state, moves } of gates) {
  test(`at the gate, ${name}`, async () => {
    const world = await World.make()
    world.registry.metrics.set('2', metrics)
    world.online = ['temp']
    if (needs) world.registry.specs.set('2', specNeeding(needs))
    if (champion !== undefined) world.registry.aliases.set('champion', champion)
    if (other) await world.candidate('other', { state: 'shadowing', version: '3', shadow_from: NOW, shadow_until: NOW + DAY_MS, gates: JSON.stringify([PASSED]) })
    await world.candidate('c', { state: 'gating' })
    const candidate = await world.settle()
    assert.deepEqual([candidate.state, world.registry.moves], [state, moves])
    assert.deepEqual(await world.decisions(), [['2', 'candidate', state !== 'refused']])
    assert.equal(await world.waitingFor(), null)
    await world.db.close()
  })
}

const unreadable: readonly { name: string; spoil: (registry: MemoryRegistry) => unknown; says: RegExp }[] = [
  { name: 'a version that was deleted meanwhile', spoil: (registry) => registry.metrics.delete('2'), says: /^m has no version 2$/ },
  { name: 'a version whose features.json is none', spoil: (registry) => registry.specs.set('2', { format: 'another' }), says: /^m version 2: features.json: / },
]
for (const { name, spoil, says } of unreadable) {
  test(`at the gate, ${name} is refused with the reason, and stands in nobody's way`, async () => {
    const world = await World.make()
    spoil(world.registry)
    await world.candidate('c', { state: 'gating' })
    const { state, gates } = await world.settle()
    assert.equal(state, 'refused')
    assert.match(String(gates[0]?.checks[0]?.value), says)
    await world.db.close()
  })
}

test('without an alias to freeze, the first version only answers', async () => {
  const world = await World.make([])
  await world.candidate('c', { state: 'gating' })
  await world.settle()
  assert.deepEqual(world.registry.moves, ['champion → 2'])
  await world.db.close()
})

const shadows: readonly { name: string; pairs: (world: World) => Promise<void>; champion?: string; promoted: boolean; gates?: number }[] = [
  { name: 'better on the same requests', pairs: (world) => world.pairs(200, unsure, sure), promoted: true },
  { name: 'the same answers: fresher at no loss, which the margin allows', pairs: (world) => world.pairs(200, unsure, unsure), promoted: true },
  { name: 'worse on the same requests', pairs: (world) => world.pairs(200, sure, unsure), promoted: false },
  { name: 'worse by less than the margin', pairs: (world) => world.pairs(200, () => 0.5, (label) => (label === 1 ? 0.4995 : 0.5005)), promoted: true },
  { name: 'no labels at all', pairs: async () => undefined, promoted: false },
  { name: 'fewer pairs than it takes', pairs: (world) => world.pairs(49, unsure, sure), promoted: false },
  { name: 'just as many pairs as it takes', pairs: (world) => world.pairs(50, unsure, sure), promoted: true },
  { name: 'good, but on requests before its time in shadow', pairs: (world) => world.pairs(200, unsure, sure, { from: NOW - DAY_MS }), promoted: false },
  { name: 'good, but on requests after its time in shadow', pairs: (world) => world.pairs(200, unsure, sure, { from: NOW + 7 * DAY_MS }), promoted: false },
  { name: 'good, by labels that came a day after the end', pairs: (world) => world.pairs(200, unsure, sure, { labelledAt: NOW + 8 * DAY_MS }), promoted: true },
  { name: 'good, by labels that came later than that', pairs: (world) => world.pairs(200, unsure, sure, { labelledAt: NOW + 8 * DAY_MS + 1 }), promoted: false },
  { name: 'what another version predicted as challenger', pairs: (world) => world.pairs(200, unsure, sure, { version: '3' }), promoted: false },
]
for (const { name, pairs, promoted } of shadows) {
  test(`after its time in shadow ${promoted ? 'promoted' : 'refused'}: ${name}`, async () => {
    const world = await World.make()
    world.registry.aliases.set('champion', '1').set('challenger', '2')
    await world.candidate('c', { state: 'shadowing', shadow_from: NOW, shadow_until: NOW + 7 * DAY_MS, gates: JSON.stringify([PASSED]) })
    await pairs(world)
    world.clock.set(new Date(NOW + 8 * DAY_MS - 1))
    assert.deepEqual([(await world.settle()).state, await world.waitingFor()], ['shadowing', null])
    world.clock.set(new Date(NOW + 8 * DAY_MS))
    assert.equal(await world.waitingFor(), 'the promotion of m version 2 to be decided')
    const candidate = await world.settle()
    assert.deepEqual([candidate.state, candidate.decidedAt, candidate.champion], [promoted ? 'promoted' : 'refused', NOW + 8 * DAY_MS, '1'])
    assert.deepEqual(world.registry.moves, promoted ? ['champion → 2', 'challenger → none'] : ['challenger → none'])
    assert.deepEqual(await world.decisions(), [['2', 'promotion', promoted]])
    await world.db.close()
  })
}

test('a champion that moved between the decision and the promotion stays, and the candidate is refused with the reason', async () => {
  const world = await World.make()
  const decided: Gate = { gate: 'promotion', passed: true, checks: [] }
  world.registry.aliases.set('champion', '9').set('challenger', '2')
  const period = { shadow_from: NOW - 8 * DAY_MS, shadow_until: NOW - DAY_MS }
  await world.candidate('c', { state: 'shadowing', ...period, champion: '1', gates: JSON.stringify([PASSED, decided]) })
  const candidate = await world.settle()
  assert.deepEqual([candidate.state, candidate.gates.at(-1)?.checks[0]?.name, world.registry.moves], ['refused', 'champion_unchanged', ['challenger → none']])
  await world.db.close()
})

const notPassed = new MillraceError('GATE_NOT_PASSED', "version 2 of m does not pass the gate of the alias: expected tags.reviewed = 'yes'")
const denied = new MillraceError('ACCESS_DENIED', 'monitor may not alias.set m')
const forbidden: readonly { name: string; alias: string; error: MillraceError; champion?: string; moves: readonly string[] }[] = [
  { name: 'the first version, where a gate of the registry guards the alias that answers', alias: 'champion', error: notPassed, moves: ['frozen → 2', 'frozen → none'] },
  { name: 'the first version, where the alias to freeze is guarded', alias: 'frozen', error: notPassed, moves: [] },
  { name: 'a later version that may not run in shadow', alias: 'challenger', error: denied, champion: '1', moves: [] },
]
for (const { name, alias, error, champion, moves } of forbidden) {
  test(`the registry's word is final: ${name}, is refused with that reason and not tried again`, async () => {
    const world = await World.make()
    if (champion !== undefined) world.registry.aliases.set('champion', champion)
    world.registry.forbidden.set(alias, error)
    await world.candidate('c', { state: 'gating' })
    const { state, gates } = await world.settle()
    assert.deepEqual([state, world.registry.moves, await world.waitingFor()], ['refused', moves, null])
    assert.deepEqual(gates.at(-1)?.checks, [{ name: 'registry_permits', passed: false, value: `${error.code}: ${error.message}`, rule: `the registry lets the monitor move the alias ${alias} to it` }])
    assert.deepEqual(await world.decisions(), [['2', 'candidate', true], ['2', 'candidate', false]])
    await world.db.close()
  })
}

for (const error of [notPassed, denied, new MillraceError('NOT_FOUND', 'Model Version (name=m, version=2) not found')]) {
  test(`a promotion that the registry answers ${error.code} is a refusal with that reason, and the shadow ends`, async () => {
    const world = await World.make()
    const decided: Gate = { gate: 'promotion', passed: true, checks: [] }
    world.registry.aliases.set('champion', '1').set('challenger', '2')
    world.registry.forbidden.set('champion', error)
    const period = { shadow_from: NOW - 8 * DAY_MS, shadow_until: NOW - DAY_MS }
    await world.candidate('c', { state: 'shadowing', ...period, champion: '1', gates: JSON.stringify([PASSED, decided]) })
    const { state, gates } = await world.settle()
    assert.deepEqual([state, world.registry.moves, await world.waitingFor()], ['refused', ['challenger → none'], null])
    assert.equal(gates.at(-1)?.checks[0]?.value, `${error.code}: ${error.message}`)
    assert.deepEqual(await world.decisions(), [['2', 'promotion', false]])
    await world.db.close()
  })
}

test('an alias that the monitor may not remove stays, and the candidate ends all the same', async () => {
  const world = await World.make()
  world.registry.aliases.set('champion', '1').set('challenger', '2')
  world.registry.forbidden.set('remove challenger', denied)
  const period = { shadow_from: NOW - 8 * DAY_MS, shadow_until: NOW - DAY_MS }
  await world.candidate('c', { state: 'shadowing', ...period, champion: '1', gates: JSON.stringify([PASSED, { gate: 'promotion', passed: false, checks: [] }]) })
  assert.deepEqual([(await world.settle()).state, world.registry.moves], ['refused', []])
  await world.db.close()
})

for (const [days, warned] of [[8, false], [9, true]] as const) {
  test(`a candidate that enters a shadow of 7 days where labels take ${days} is ${warned ? '' : 'not '}warned of`, async () => {
    const world = await World.make()
    world.registry.aliases.set('champion', '1')
    await world.pairs(10, unsure, sure, { from: NOW - 20 * DAY_MS, labelledAt: NOW - (20 - days) * DAY_MS })
    await world.candidate('c', { state: 'gating' })
    assert.equal((await world.settle()).state, 'shadowing')
    assert.equal(world.warnings.some((line) => /labels take longer than retraining.shadow and one day/.test(line)), warned)
    await world.db.close()
  })
}

const reasons: readonly { name: string; pairs: (world: World) => Promise<void>; says: RegExp }[] = [
  {
    name: 'labels that come too late',
    pairs: (world) => world.pairs(200, unsure, sure, { labelledAt: NOW + 12 * DAY_MS }),
    says: /only 0 of 50 labelled pairs of 200 that both predicted: labels arrive after 12 days \(median\); raise retraining.shadow \(7d\)/,
  },
  { name: 'no traffic', pairs: async () => undefined, says: /only 0 of 50 labelled pairs: both versions predicted only 0 in the shadow period; raise retraining.shadow \(7d\)/ },
]
for (const { name, pairs, says } of reasons) {
  test(`a refusal for want of pairs says why there are so few: ${name}`, async () => {
    const world = await World.make()
    world.registry.aliases.set('champion', '1').set('challenger', '2')
    await world.candidate('c', { state: 'shadowing', shadow_from: NOW, shadow_until: NOW + 7 * DAY_MS, gates: JSON.stringify([PASSED]) })
    await pairs(world)
    world.clock.set(new Date(NOW + 8 * DAY_MS))
    const { state, gates } = await world.settle()
    assert.equal(state, 'refused')
    assert.match(gates.at(-1)?.checks[0]?.rule ?? '', says)
    await world.db.close()
  })
}

test('killed after the alias had moved and before that was written down, the step ends as it began, and nothing moves twice', async () => {
  const world = await World.make()
  const decided: Gate = { gate: 'promotion', passed: true, checks: [] }
  world.registry.aliases.set('champion', '2')
  const period = { shadow_from: NOW - 8 * DAY_MS, shadow_until: NOW - DAY_MS }
  await world.candidate('c', { state: 'shadowing', ...period, champion: '1', gates: JSON.stringify([PASSED, decided]) })
  assert.deepEqual([(await world.settle()).state, world.registry.moves, await world.decisions()], ['promoted', [], []])
  await world.db.close()
})

/** features.json of a version that asks the online store for `references`. */
function specNeeding(references: readonly string[]): object {
  return {
    format: 'millrace.features/1',
    service: 'delays',
    inputs: [{ name: 'origin', type: 'string', required: true }, { name: 'hour', type: 'datetime', required: true }],
    entity: { name: 'airport', joinKey: 'origin' },
    moment: { column: 'hour', plusMinutes: [], offsetMinutes: -60 },
    online: references,
    numeric: references.map((reference) => ({ name: reference.replace(':', '__'), of: [reference], transform: 'passthrough', fill: null })),
    categorical: [],
  }
}

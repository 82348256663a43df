import type { Transaction } from 'kysely'
import type { EventData, EventType, GateCheck } from '../../src/api/events.ts'
import type { Candidate, CandidateState } from '../../src/api/monitor.ts'
import type { Execution } from '../../src/api/pipelines.ts'
import type { DeploymentState } from '../../src/api/serving.ts'
import { type ProjectConfig, projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { type ServiceName, parseConfig } from '../../src/platform/config/index.ts'
import type { Database } from '../../src/platform/db/index.ts'
import { type EventsSchema, type Outbox, createEventsTables } from '../../src/platform/events/outbox.ts'
import type { HttpServer } from '../../src/platform/http/index.ts'
import type { ServiceDefinition } from '../../src/platform/service/index.ts'
import { type TestService, startForTest } from '../../src/platform/service/testing.ts'
import { PROMOTIONS, START, WEEKS, WEEK_MS, driftSeries, noise, performanceSeries } from './story.ts'

const MODEL = 'flight-delay'
const PEERS = ['tracking', 'features', 'serving', 'monitor', 'pipelines'] as const satisfies readonly ServiceName[]

interface State {
  week: number
  predictions: number
  champion: string | null
  shadows: DeploymentState['shadows']
  candidates: Candidate[]
  executions: Execution[]
  views: boolean
}

interface Peer extends TestService {
  readonly emit: <T extends EventType>(type: T, subject: string, data: EventData[T]) => Promise<void>
}

/** A gateway as it is, over peers that answer with a scripted story: real events in real outboxes, moved by the clock. */
export interface World {
  readonly url: string
  readonly state: State
  /** The loop up to the first champion: data, contract, features, run, version, gate, alias. */
  readonly begin: () => Promise<void>
  /** Lives through the weeks up to `week`. */
  readonly liveUntil: (week: number) => Promise<void>
  /** Emits one event now. */
  readonly emit: <T extends EventType>(service: (typeof PEERS)[number], type: T, subject: string, data: EventData[T]) => Promise<void>
  readonly stopService: (name: (typeof PEERS)[number]) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function startWorld(): Promise<World> {
  const state: State = { week: 0, predictions: 0, champion: null, shadows: [], candidates: [], executions: [], views: false }
  const peers = new Map<ServiceName, Peer>()
  for (const name of PEERS) peers.set(name, await startPeer(name, (http) => answer(name, http, state)))
  const urls = [...peers].map(([name, peer]) => `  ${name}: {url: "${peer.url}"}\n`).join('')
  const gateway = await startForTest(gatewayService, configure(`deployments: [{model: ${MODEL}, shadow: [challenger, frozen]}]\nservices:\n${urls}`))
  const stopped = new Set<string>()
  const peer = (name: ServiceName): Peer => {
    const found = peers.get(name)
    if (found === undefined) throw new Error(`${name} is no peer`)
    return found
  }
  const setTime = async (time: number): Promise<void> => {
    const body = JSON.stringify({ now: new Date(time).toISOString() })
    const services = [...peers].filter(([name]) => !stopped.has(name)).map(([, one]) => one.url)
    await Promise.all([gateway.url, ...services].map((url) => fetch(`${url}/-/clock`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body })))
  }
  const emit: World['emit'] = (service, type, subject, data) => peer(service).emit(type, subject, data)
  /** Events of several services in the order of the story: each is in the log before the next is emitted. */
  const told: World['emit'] = async (service, type, subject, data) => {
    const before = await head(gateway.url)
    await emit(service, type, subject, data)
    while ((await head(gateway.url)) <= before) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return {
    url: gateway.url,
    state,
    emit,
    begin: () => begin(state, told),
    liveUntil: async (week) => {
      for (let next = state.week + 1; next <= Math.min(week, WEEKS); next++) await liveWeek(state, next, told, setTime)
    },
    stopService: async (name) => {
      stopped.add(name)
      await peer(name).stop()
    },
    stop: async () => {
      await gateway.stop()
      for (const [name, one] of peers) if (!stopped.has(name)) await one.stop()
    },
  }
}

function configure(more: string): ProjectConfig {
  return parseConfig(projectConfigSchema, `project: flights\nclock: {simulated: '${new Date(START).toISOString()}'}\n${more}`, 'millrace.yaml')
}

async function startPeer(name: ServiceName, routes: (http: HttpServer) => void): Promise<Peer> {
  let kept: { db: Database<EventsSchema>; outbox: Outbox } | undefined
  const definition: ServiceDefinition<EventsSchema, ProjectConfig> = {
    name,
    migrations: [{ name: '001-events', up: createEventsTables }],
    start: ({ db, outbox, http }) => {
      kept = { db, outbox }
      routes(http)
      return Promise.resolve({ waitingFor: () => Promise.resolve([]), stop: () => Promise.resolve() })
    },
  }
  const service = await startForTest(definition, configure(''))
  return {
    ...service,
    emit: async (type, subject, data) => {
      await kept?.db.transaction((trx: Transaction<EventsSchema>) => kept?.outbox.emit(trx, type, subject, data) ?? Promise.resolve(undefined))
    },
  }
}

function answer(name: ServiceName, http: HttpServer, state: State): void {
  if (name === 'serving') {
    http.get('/deployments', (): DeploymentState[] => [
      { model: MODEL, alias: 'champion', version: state.champion, shadows: state.shadows, state: state.champion === null ? 'absent' : 'ready', predictions: state.predictions, swapped_at: null },
    ])
  }
  if (name === 'features') {
    http.get('/feature-views', () => ({
      feature_views: state.views
        ? [
            { name: 'recent_delays', entity: 'airport', features: ['mean_delay', 'late_share'], online: true, rows: 4100 + state.week * 20 },
            { name: 'weather', entity: 'airport', features: ['temp', 'dewp', 'humid'], online: true, rows: 2160 },
          ]
        : [],
    }))
  }
  if (name === 'pipelines') {
    http.get('/executions', () => ({ executions: state.executions }))
    http.get('/-/outbox/project', () => ({ events: [] }))
  }
  if (name === 'monitor') {
    http.get('/candidates', () => ({ candidates: state.candidates }))
    http.get('/drift', () => driftSeries(MODEL, state.week))
    http.get<{ Querystring: { by: 'week' | 'month' } }>('/performance', (request) => performanceSeries(MODEL, state.week, request.query.by))
    http.get('/reports', () => ({ reports: reports(state.week) }))
  }
}

function reports(weeks: number) {
  const drift = driftSeries(MODEL, weeks)
  return drift.windows.map((window, i) => ({
    report_id: window.report_id,
    model: MODEL,
    window: { start: window.start, end: window.end },
    rows: window.rows,
    reference_version: '1',
    final: true,
    drift: { columns: drift.columns.map(({ column, kind, cells }) => ({ column, kind, ...cells[i] })), share: window.share, drifted: window.drifted },
    performance: [],
    label_coverage: 0.98,
  }))
}

type Tell = World['emit']

async function begin(state: State, tell: Tell): Promise<void> {
  for (const month of ['01', '02', '03']) {
    await tell('tracking', 'dev.millrace.dataset.versioned', `data/raw/flights/2013-${month}.parquet`, { path: `data/raw/flights/2013-${month}.parquet`, md5: '9f2b6c1e5a7d40c3', size: 712_000, rows: 27_004 })
  }
  await tell('tracking', 'dev.millrace.contract.checked', 'contracts/flights.yaml', {
    contract: 'contracts/flights.yaml', data: 'corrupted.parquet', passed: false, rows: 2000, checks: 31,
    violations: [{ rule: 'dep_delay is between -120 and 1500', count: 41, share: 0.02 }, { rule: 'key is unique', count: 12, share: 0.006 }],
  })
  await tell('tracking', 'dev.millrace.contract.checked', 'contracts/flights.yaml', { contract: 'contracts/flights.yaml', data: 'data/raw/flights', passed: true, rows: 80_789, checks: 31, violations: [] })
  state.views = true
  await makeVersion('1', tell)
  await tell('monitor', 'dev.millrace.gate.decided', MODEL, { model: MODEL, version: '1', gate: 'candidate', passed: true, checks: gateChecks(true, 0.7041) })
  await tell('tracking', 'dev.millrace.model.alias.moved', MODEL, { model: MODEL, alias: 'frozen', version: '1', previous: null, actor: 'demo', reason: 'kept to compare with' })
  await promote(state, '1', null, 'first version that passed the gate', tell)
}

async function makeVersion(version: string, tell: Tell): Promise<void> {
  const run = `${version}b8e1c2d4f6a8091`.padStart(32, '7')
  await tell('tracking', 'dev.millrace.run.finished', run, { run_id: run, experiment_id: '1', status: 'FINISHED', metrics: { 'holdout.auc': 0.712 + 0.01 * noise(Number(version)), 'holdout.log_loss': 0.481, 'holdout.ece': 0.018 } })
  await tell('tracking', 'dev.millrace.model.version.created', MODEL, { model: MODEL, version, run_id: run, tags: {} })
}

async function promote(state: State, version: string, previous: string | null, reason: string, tell: Tell): Promise<void> {
  await tell('tracking', 'dev.millrace.model.alias.moved', MODEL, { model: MODEL, alias: 'champion', version, previous, actor: 'monitor', reason })
  state.champion = version
  state.shadows = version === '1' ? [] : [{ alias: 'frozen', version: '1' }]
  await tell('serving', 'dev.millrace.deployment.rolled_out', MODEL, { model: MODEL, alias: 'champion', version, previous, swap_ms: 21 + Number(version) })
}

function gateChecks(passed: boolean, auc: number): readonly GateCheck[] {
  return [
    { name: 'base rate', passed, value: 0.4787, rule: 'log loss below 0.5213 (base rate) by at least 0.005' },
    { name: 'calibration', passed: true, value: 0.0183, rule: 'expected calibration error at most 0.06' },
    { name: 'features', passed: true, value: 'all 18', rule: 'every feature is available at serving time' },
    { name: 'latency', passed: true, value: 0.61, rule: 'p99 of one row at most 20 ms' },
    { name: 'auc', passed: true, value: auc, rule: 'for information' },
  ]
}

/** One week: a report, what drifted, and every few weeks a candidate that runs in shadow and is judged. */
async function liveWeek(state: State, week: number, tell: Tell, setTime: (time: number) => Promise<void>): Promise<void> {
  await setTime(START + week * WEEK_MS)
  state.week = week
  state.predictions = week * 1526
  const window = { start: new Date(START + (week - 1) * WEEK_MS).toISOString(), end: new Date(START + week * WEEK_MS).toISOString() }
  await tell('monitor', 'dev.millrace.report.created', MODEL, { report_id: `${MODEL}.${week}`, model: MODEL, window })
  const drift = driftSeries(MODEL, week)
  const drifted = drift.columns.flatMap(({ column, cells }) => {
    const cell = cells.at(-1)
    return cell?.drifted ? [{ column, method: cell.method, score: cell.score ?? 0, threshold: cell.threshold }] : []
  })
  const share = drifted.length / drift.columns.length
  if (share >= 0.4) await tell('monitor', 'dev.millrace.drift.detected', MODEL, { model: MODEL, report_id: `${MODEL}.${week}`, window, drifted, share })
  if (PROMOTIONS.includes(week + 1)) await makeCandidate(state, week, share >= 0.4 ? 'drift' : 'schedule', tell)
  if (PROMOTIONS.includes(week)) await judge(state, tell)
  if (week === 26) await makeCandidate(state, week, 'submitted', tell, false)
  await refreshStages(state)
}

async function makeCandidate(state: State, week: number, reason: string, tell: Tell, good = true): Promise<void> {
  const version = String(state.candidates.filter((one) => one.version !== null).length + 2)
  const execution = `01jd${String(week).padStart(22, '0')}`
  const at = new Date(START + week * WEEK_MS).toISOString()
  await tell('monitor', 'dev.millrace.retraining.requested', MODEL, { model: MODEL, reason, execution_id: execution, key: `${MODEL}.${week}` })
  await tell('pipelines', 'dev.millrace.execution.started', execution, { execution_id: execution, reason, key: `${MODEL}.${week}` })
  await makeVersion(version, tell)
  const stages = ['validate', 'features', 'train', 'evaluate'].map((name, i) => ({ name, seconds: 1.2 + i, cached: false }))
  await tell('pipelines', 'dev.millrace.execution.finished', execution, { execution_id: execution, run_id: `${version}b8e`, model: MODEL, version, commit: 'a1b2c3d', stages })
  await tell('monitor', 'dev.millrace.gate.decided', MODEL, { model: MODEL, version, gate: 'candidate', passed: good, checks: gateChecks(good, good ? 0.72 : 0.501) })
  const candidate = (candidateState: CandidateState): Candidate => ({
    candidate_id: `${MODEL}.${week}`, model: MODEL, version, execution_id: execution, reason, state: candidateState, requested_at: at,
    shadow_until: good ? new Date(START + (week + 1) * WEEK_MS).toISOString() : null, decided_at: good ? null : at, gates: [],
  })
  state.candidates = [candidate(good ? 'shadowing' : 'refused'), ...state.candidates]
  if (!good) return
  await tell('tracking', 'dev.millrace.model.alias.moved', MODEL, { model: MODEL, alias: 'challenger', version, previous: null, actor: 'monitor', reason: 'passed the gate' })
  state.shadows = [...state.shadows, { alias: 'challenger', version }]
}

async function judge(state: State, tell: Tell): Promise<void> {
  const [newest, ...older] = state.candidates
  if (newest === undefined || newest.version === null) return
  const gain = 0.0031 + 0.004 * noise(Number(newest.version))
  const checks = [{ name: 'log-loss gain', passed: true, value: gain, rule: `90 % lower bound ${gain.toFixed(4)} > -0.002 over 1,486 labelled rows` }]
  await tell('monitor', 'dev.millrace.gate.decided', MODEL, { model: MODEL, version: newest.version, gate: 'promotion', passed: true, checks })
  state.candidates = [{ ...newest, state: 'promoted', decided_at: new Date(START + state.week * WEEK_MS).toISOString() }, ...older]
  await promote(state, newest.version, state.champion, `${newest.reason}: log-loss gain ${gain.toFixed(4)} in shadow`, tell)
}

/** In the tenth week before the end an execution is under way, so that a running step can be seen. */
function refreshStages(state: State): Promise<void> {
  const running = state.week % 10 === 8
  state.executions = running
    ? [
        {
          execution_id: 'running', key: 'k', model: MODEL, reason: 'drift', state: 'running', commit: 'abc', result_commit: null, data: {}, run_id: null, version: null, unchanged: null, error: null,
          created_at: new Date(START).toISOString(), started_at: new Date(START).toISOString(), ended_at: null,
          stages: [{ name: 'validate', state: 'finished', seconds: 1 }, { name: 'features', state: 'finished', seconds: 2 }, { name: 'train', state: 'running', seconds: null }, { name: 'evaluate', state: 'waiting', seconds: null }],
        },
      ]
    : []
  return Promise.resolve()
}

async function head(url: string): Promise<number> {
  const { position }: { position: number } = JSON.parse(await (await fetch(`${url}/events/head`)).text())
  return position
}

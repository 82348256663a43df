import type { Candidate } from '../../api/monitor.ts'
import { durationMs } from '../../domain/config.ts'
import { beginning } from './build-steps.ts'
import { FLIGHTS, versionData } from './data.ts'
import { type DemoContext, MODEL, type Step, once, verify } from './step.ts'
import { during, probe, replay } from './traffic.ts'

const DAY_MS = 86_400_000
/** So many days are read from the world at a time. */
const READ_DAYS = 7
/** The last flights of 2013 are asked about on New Year's Eve; then their labels and the end of their week are awaited. */
const LAST_DAY = Date.parse('2014-01-01T06:00:00Z')
const END = Date.parse('2014-01-06T03:00:00Z')
/** On this day someone hands in a model that learned from shuffled labels. */
const SHUFFLED_ON = Date.parse('2013-06-12T03:00:00Z')

/** April to December, day by day: traffic, labels, reports, retraining, promotions; and one candidate that must be refused. */
export const liveStep: Step = {
  key: 'live',
  title: 'Live through April to December',
  run: async (context, report) => {
    const world = await context.world()
    const options = { peers: context.peers, model: MODEL }
    const start = beginning(context.config.clock).getTime()
    const begun = Date.now()
    const first = context.state.replayedUntil === null ? start : Date.parse(context.state.replayedUntil)
    let happened = await world.between(new Date(first), new Date(first + READ_DAYS * DAY_MS))
    for (let day = first; day < END; day += DAY_MS) {
      const next = day + DAY_MS
      if ((day - first) % (READ_DAYS * DAY_MS) === 0) happened = await world.between(new Date(day), new Date(day + READ_DAYS * DAY_MS))
      const counted = await replay(options, happened, day, next)
      if (day <= SHUFFLED_ON && SHUFFLED_ON < next) await once(context, 'shuffled', () => submitShuffled(context))
      if (await refreshIsDue(context, next)) await versionData(context.folder.path, context.config, world, new Date(next))

      const probes = probe(options, during(happened, day, next).requests.slice(0, 200))
      const say = (what: string): void => report(progress(context, { start, day: next, first, begun, what }))
      let sent = 0
      try {
        await context.time.advance(new Date(next), say)
      } finally {
        sent = await probes.stop()
      }
      const { sent: before } = context.state
      context.keep({
        replayedUntil: new Date(next).toISOString(),
        sent: { predictions: before.predictions + counted.predictions, labels: before.labels + counted.labels, probes: before.probes + sent },
      })
      say('')
    }
    const { predictions, labels, probes } = context.state.sent
    return `${predictions.toLocaleString('en')} predictions, ${labels.toLocaleString('en')} labels, ${probes.toLocaleString('en')} probes while time stood still; none failed`
  },
}

/** New data are versioned when a month is over, and before every moment at which the policy may start an execution, so that it runs on all that is known. */
async function refreshIsDue(context: DemoContext, moment: number): Promise<boolean> {
  if (moment > LAST_DAY + DAY_MS) return false
  if (new Date(moment).getUTCDate() === 1) return true
  const policy = context.config.retraining.find(({ model }) => model === MODEL)
  const candidates = await context.peers.monitor.candidates(MODEL)
  const last = candidates.filter(({ reason }) => reason !== 'submitted').map(({ requested_at: at }) => Date.parse(at))
  const sinceLast = moment - Math.max(beginning(context.config.clock).getTime(), ...last)
  return policy !== undefined && sinceLast >= durationMs(policy.cooldown) - DAY_MS
}

async function submitShuffled(context: DemoContext): Promise<void> {
  const { pipelines, monitor } = context.peers
  const execution = await pipelines.start({
    key: 'demo-shuffled-labels',
    model: MODEL,
    reason: 'a candidate that learned from shuffled labels',
    params: { 'train.shuffle_labels': true },
  })
  await context.time.settle()
  const { state, version, error } = await pipelines.get(execution.execution_id)
  verify(state === 'finished' && version !== null, `the execution with shuffled labels finishes (it is ${state}: ${error ?? ''})`)
  await monitor.submitCandidate(MODEL, version ?? '')
  await context.time.settle()
  const candidate = (await monitor.candidates(MODEL)).find((one) => one.version === version)
  verify(candidate?.state === 'refused', `the candidate with shuffled labels is refused (it is ${candidate?.state ?? 'unknown'})`)
}

interface Progress {
  readonly start: number
  readonly first: number
  readonly day: number
  readonly begun: number
  readonly what: string
}

function progress(context: DemoContext, { start, first, day, begun, what }: Progress): string {
  const share = (day - start) / (END - start)
  const done = day - first
  const left = done > 0 ? ((Date.now() - begun) * (END - day)) / done / 1000 : 0
  const { predictions, labels } = context.state.sent
  const counts = `${new Date(day).toISOString().slice(0, 10)}  ${(100 * share).toFixed(0)} %  ${predictions.toLocaleString('en')} predictions  ${labels.toLocaleString('en')} labels  about ${left.toFixed(0)} s left`
  return what === '' ? counts : `${counts}  (${what})`
}

export const watchStep: Step = {
  key: 'watch',
  title: 'Read back what the monitor saw',
  run: async (context) => {
    const reports = await context.peers.monitor.reports(MODEL)
    verify(reports.length >= 39, `there is a report for every week (found ${reports.length})`)
    const drifted = reports.filter(({ drift }) => drift.drifted).length
    const pending = await context.peers.monitor.pendingLabels()
    verify(pending.count === 0, `every label found its prediction (${pending.count} did not)`)
    const labelled = reports.reduce((sum, { label_coverage: coverage, rows }) => sum + coverage * rows, 0)
    const rows = reports.reduce((sum, one) => sum + one.rows, 0)
    verify(rows === context.state.sent.predictions, `all ${context.state.sent.predictions} predictions are in the reports (found ${rows})`)
    const metrics = await context.peers.metrics('monitor')
    verify(/^millrace_drift_score\{.*model="flight-delay"/m.test(metrics), 'drift is exposed to Prometheus')
    return `${reports.length} weekly reports, ${drifted} with drift, ${(100 * (labelled / rows)).toFixed(1)} % of predictions labelled`
  },
}

export const retrainStep: Step = {
  key: 'retrain',
  title: 'Read back what retraining did',
  run: async (context) => {
    const candidates = await context.peers.monitor.candidates(MODEL)
    const executions = await context.peers.pipelines.list({ model: MODEL, limit: 100 })
    const by = (state: Candidate['state']): number => candidates.filter((one) => one.state === state).length
    verify(executions.length > 1 && executions.every(({ state }) => state === 'finished'), 'every execution finished')
    verify(new Set(executions.map(({ key }) => key)).size === executions.length, 'no execution ran twice')
    verify(by('promoted') > 1, `retraining led to a promotion (${by('promoted')} versions were promoted)`)
    const history = await context.peers.tracking.aliasHistory(MODEL)
    const moves = history.filter(({ alias }) => alias === 'champion').length
    verify(moves === by('promoted'), `each promotion moved the alias once (${moves} moves, ${by('promoted')} promotions)`)
    return `${executions.length} executions, ${by('promoted') - 1} promoted, ${by('refused')} refused (one had shuffled labels), on data up to ${FLIGHTS}`
  },
}

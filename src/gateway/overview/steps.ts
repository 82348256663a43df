import type { EventType, LoggedEvent } from '../../api/events.ts'
import type { OverviewStep, StepName, StepState } from '../../api/overview.ts'
import { count, metric, plural, short, shortDate } from './figures.ts'
import { isOf } from './history.ts'
import type { History } from './history.ts'
import type { Parts } from './parts.ts'

/** What the log knows of the event types that steps are made of. */
export interface LogSummary {
  readonly counts: ReadonlyMap<string, number>
  /** The newest event of each type. */
  readonly newest: ReadonlyMap<string, LoggedEvent>
  /** The newest checks of data, newest first. */
  readonly checks: readonly LoggedEvent<'dev.millrace.contract.checked'>['event'][]
  /** The newest rollouts of any alias, newest first. */
  readonly rollouts: readonly LoggedEvent<'dev.millrace.deployment.rolled_out'>['event'][]
}

export interface StepInput {
  readonly log: LogSummary
  readonly parts: Parts
  readonly history: History
  readonly alias: string
  readonly model: string | null
  /** Whether predictions came in since the page was last asked for. */
  readonly flowing: boolean
}

type Told = Omit<OverviewStep, 'name' | 'title'>

const waiting = (unit: string, detail: string, figure: string | null = '0'): Told => ({ state: 'waiting', figure, unit, detail, at: null })
const unreachable = (unit: string, error: string): Told => ({ state: 'failed', figure: null, unit, detail: error, at: null })

/** The loop's ten steps, each told from what has really happened. */
export function loopSteps(input: StepInput): readonly OverviewStep[] {
  return STEPS.map(({ name, title, tell }) => ({ name, title, ...tell(input) }))
}

const STEPS: readonly { readonly name: StepName; readonly title: string; readonly tell: (input: StepInput) => Told }[] = [
  { name: 'version', title: 'Version', tell: tellVersion },
  { name: 'validate', title: 'Validate', tell: tellValidate },
  { name: 'features', title: 'Features', tell: tellFeatures },
  { name: 'train', title: 'Train', tell: tellTrain },
  { name: 'track', title: 'Track', tell: tellTrack },
  { name: 'gate', title: 'Register & gate', tell: tellGate },
  { name: 'serve', title: 'Serve', tell: tellServe },
  { name: 'live', title: 'Live', tell: tellLive },
  { name: 'watch', title: 'Watch', tell: tellWatch },
  { name: 'retrain', title: 'Retrain', tell: tellRetrain },
]

function newestOf<T extends EventType>({ newest }: LogSummary, type: T): LoggedEvent<T>['event'] | undefined {
  const event = newest.get(type)?.event
  return event !== undefined && isOf(event, type) ? event : undefined
}

/** The state of a stage of the execution that runs now, if one does. */
function runningStage({ executions }: Parts, names: readonly string[]): boolean {
  const execution = executions.value?.find(({ state }) => state === 'running')
  return execution?.stages.some((stage) => stage.state === 'running' && names.includes(stage.name)) ?? false
}

function tellVersion({ log }: StepInput): Told {
  const newest = newestOf(log, 'dev.millrace.dataset.versioned')
  if (!newest) return waiting('data versions', 'No data set is under version control yet')
  const { path, rows, nfiles } = newest.data
  const what = rows === undefined ? (nfiles === undefined ? '' : `, ${plural(nfiles, 'file')}`) : `, ${plural(rows, 'row')}`
  const total = log.counts.get('dev.millrace.dataset.versioned') ?? 0
  return { state: 'ok', figure: count(total), unit: total === 1 ? 'data version' : 'data versions', detail: `${path}${what}`, at: newest.projecttime }
}

function tellValidate({ log, parts }: StepInput): Told {
  const [newest] = log.checks
  if (!newest) return { ...waiting('checks hold', 'No data was held against its contract yet', null), state: runningStage(parts, ['validate']) ? 'running' : 'waiting' }
  const { data, rows, checks, violations, passed } = newest.data
  const refused = log.checks.filter((event) => !event.data.passed).length
  // A copy that is refused while the data that we learn from holds is the contract at work; that data itself refused is a failure.
  const others = log.checks.filter((event) => event.data.data !== data)
  const ours = log.checks.some((event) => event.data.passed && event.data.data === data)
  const holds = passed || (!ours && others.some((event) => event.data.passed))
  const state: StepState = runningStage(parts, ['validate']) ? 'running' : holds ? 'ok' : 'failed'
  const detail = `${plural(rows, 'row')} of ${data}${refused === 0 ? '' : ` · ${plural(refused, 'file')} refused`}`
  return { state, figure: `${checks - violations.length}/${checks}`, unit: 'checks hold', detail, at: newest.projecttime }
}

function tellFeatures({ parts }: StepInput): Told {
  const { value, error } = parts.featureViews
  if (value === undefined) return unreachable('feature views', error)
  if (value.length === 0) return waiting('feature views', 'No feature view is defined yet')
  const rows = value.reduce((sum, view) => sum + view.rows, 0)
  const names = value.map((view) => view.name).join(', ')
  const state: StepState = runningStage(parts, ['features']) ? 'running' : rows > 0 ? 'ok' : 'waiting'
  return { state, figure: count(value.length), unit: value.length === 1 ? 'feature view' : 'feature views', detail: `${names} · ${short(rows)} rows online`, at: null }
}

function tellTrain({ log, parts, history }: StepInput): Told {
  const running = runningStage(parts, ['train', 'evaluate'])
  const version = history.versions.find(({ metrics }) => metric(metrics, 'auc') !== undefined)
  const run = newestOf(log, 'dev.millrace.run.finished')
  const metrics = version?.metrics ?? run?.data.metrics ?? {}
  const auc = metric(metrics, 'auc')
  const loss = metric(metrics, 'log_loss')
  if (auc === undefined && !running) return waiting('AUC held out', 'No model was trained yet', null)
  const failed = parts.executions.value?.[0]?.state === 'failed'
  return {
    state: running ? 'running' : failed ? 'failed' : 'ok',
    figure: auc === undefined ? null : auc.toFixed(3),
    unit: 'AUC held out',
    detail: [version === undefined ? '' : `version ${version.version}`, loss === undefined ? '' : `log loss ${loss.toFixed(3)}`].filter(Boolean).join(' · '),
    at: version?.created_at ?? run?.projecttime ?? null,
  }
}

function tellTrack({ log }: StepInput): Told {
  const newest = newestOf(log, 'dev.millrace.run.finished')
  if (!newest) return waiting('runs', 'No run was logged yet')
  const { run_id: runId, status, metrics } = newest.data
  const total = log.counts.get('dev.millrace.run.finished') ?? 0
  const detail = `${runId.slice(0, 8)} ${status.toLowerCase()} · ${plural(Object.keys(metrics).length, 'metric')}`
  return { state: status === 'FAILED' ? 'failed' : 'ok', figure: count(total), unit: total === 1 ? 'run' : 'runs', detail, at: newest.projecttime }
}

function tellGate({ log, parts, history }: StepInput): Told {
  const { versions } = history
  const gating = parts.candidates.value?.find(({ state }) => state === 'gating')
  if (versions.length === 0) return waiting('versions', 'No version is registered yet')
  const decided = newestOf(log, 'dev.millrace.gate.decided')
  const failing = decided?.data.checks.filter((check) => !check.passed) ?? []
  const verdict =
    decided === undefined
      ? `version ${versions[0]?.version ?? ''} was not judged yet`
      : decided.data.passed
        ? `v${decided.data.version} passed: ${plural(decided.data.checks.length, 'check holds', 'checks hold')}`
        : `v${decided.data.version} refused: ${failing.map(({ name }) => name).join(', ')}`
  return {
    state: gating ? 'running' : decided ? 'ok' : 'waiting',
    figure: count(versions.length),
    unit: versions.length === 1 ? 'version' : 'versions',
    detail: gating?.version ? `v${gating.version} is being judged` : verdict,
    at: decided?.projecttime ?? versions[0]?.created_at ?? null,
  }
}

function tellServe({ log, parts, model, alias }: StepInput): Told {
  const { value, error } = parts.deployments
  if (value === undefined) return unreachable(alias, error)
  const deployment = value.find((one) => one.model === model)
  if (!deployment || deployment.version === null) {
    if (deployment?.state === 'failed') return unreachable(alias, deployment.reason ?? 'The model could not be loaded')
    return { ...waiting(alias, `No version is ${alias} yet`, null), state: deployment?.state === 'loading' ? 'running' : 'waiting' }
  }
  const rollout = log.rollouts.find(({ data }) => data.model === model && data.alias === alias)
  const shadows = deployment.shadows.map((shadow) => `v${shadow.version} as ${shadow.alias}`)
  const swap = rollout === undefined ? '' : `swapped in ${Math.max(1, Math.round(rollout.data.swap_ms))} ms`
  return {
    state: deployment.state === 'ready' ? 'ok' : deployment.state === 'loading' ? 'running' : 'failed',
    figure: `v${deployment.version}`,
    unit: alias,
    detail: deployment.reason ?? [...shadows, swap].filter(Boolean).join(' · '),
    at: deployment.swapped_at,
  }
}

function tellLive({ parts, model, flowing }: StepInput): Told {
  const deployment = parts.deployments.value?.find((one) => one.model === model)
  if (deployment === undefined && parts.deployments.error !== undefined) return unreachable('predictions', parts.deployments.error)
  // Serving counts from its last start; what the monitor has reported on is a lower bound that outlives it.
  const reported = parts.reports.value?.reduce((sum, report) => sum + report.rows, 0) ?? 0
  const predictions = Math.max(deployment?.predictions ?? 0, reported)
  if (predictions === 0) return waiting('predictions', 'No request was answered yet')
  const labelled = parts.performance.value?.month.points.reduce((sum, point) => sum + point.rows, 0) ?? 0
  const detail = labelled === 0 ? 'No label has arrived yet' : `${short(labelled)} labelled`
  return { state: flowing ? 'running' : 'ok', figure: short(predictions), unit: 'predictions', detail, at: null }
}

function tellWatch({ parts }: StepInput): Told {
  const { value, error } = parts.reports
  if (value === undefined) return parts.services.some(({ name, up }) => name === 'monitor' && !up) ? unreachable('reports', error) : waiting('reports', error)
  const newest = value.at(-1)
  if (!newest) return waiting('reports', 'The first window has not ended yet')
  const drifted = newest.drift.columns.filter((column) => column.drifted)
  const worst = drifted.toSorted((a, b) => (b.score ?? 0) - (a.score ?? 0))[0]
  const detail =
    worst === undefined
      ? `Nothing drifted since ${shortDate(newest.window.start)}`
      : `${drifted.length} of ${newest.drift.columns.length} drifted, most ${worst.column} (${(worst.score ?? 0).toFixed(2)})`
  return { state: 'ok', figure: count(value.length), unit: value.length === 1 ? 'report' : 'reports', detail, at: newest.window.end }
}

function tellRetrain({ parts, history, alias }: StepInput): Told {
  const { value, error } = parts.candidates
  if (value === undefined) return parts.services.some(({ name, up }) => name === 'monitor' && !up) ? unreachable('promotions', error) : waiting('promotions', error)
  // The first model is a candidate as well, but nothing was retrained for it.
  const newest = value.find((candidate) => !(candidate.reason === 'submitted' && candidate.version === '1'))
  if (!newest) return waiting('promotions', 'Nothing called for a new model yet')
  const promoted = history.moves.filter((move) => move.alias === alias && move.version !== null && move.previous !== null).length
  const refused = value.filter(({ state }) => state === 'refused').length
  const name = newest.version === null ? 'a candidate' : `v${newest.version}`
  const active: Partial<Record<typeof newest.state, string>> = {
    executing: `${name} is being trained (${newest.reason})`,
    gating: `${name} is at the gate (${newest.reason})`,
    shadowing: `${name} in shadow${newest.shadow_until === null ? '' : ` until ${shortDate(newest.shadow_until)}`}`,
  }
  const activity = active[newest.state]
  const last = history.versions.find(({ version }) => version === newest.version)
  return {
    state: activity !== undefined ? 'running' : newest.state === 'failed' ? 'failed' : 'ok',
    figure: count(promoted),
    unit: promoted === 1 ? 'promotion' : 'promotions',
    detail: activity ?? `${name} ${newest.state}${refused === 0 ? '' : ` · ${refused} refused in all`}`,
    at: newest.decided_at ?? last?.created_at ?? newest.requested_at,
  }
}


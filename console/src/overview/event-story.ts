import type { EventType, MillraceEvent } from '../../../src/api/events.ts'
import { formatCount, formatDay } from '../shared/format.ts'

export interface Story {
  readonly mark: 'plain' | 'good' | 'bad' | 'watch'
  readonly text: string
}

/** An event in one line of words. */
export function eventStory(event: MillraceEvent): Story {
  const tell = STORIES[event.type] as ((data: MillraceEvent['data']) => Story) | undefined
  return tell === undefined ? plain(`${event.type.replace('dev.millrace.', '')} ${event.subject}`) : tell(event.data)
}

const plain = (text: string): Story => ({ mark: 'plain', text })
const good = (text: string): Story => ({ mark: 'good', text })
const bad = (text: string): Story => ({ mark: 'bad', text })
const watch = (text: string): Story => ({ mark: 'watch', text })

type Stories = { readonly [T in EventType]: (data: MillraceEvent<T>['data']) => Story }

const STORIES: Stories = {
  'dev.millrace.dataset.versioned': ({ path, md5, rows }) => plain(`${path} is versioned as ${md5.slice(0, 8)}${rows === undefined ? '' : `, ${formatCount(rows)} rows`}`),
  'dev.millrace.contract.checked': ({ contract, data, passed, rows, checks, violations }) =>
    passed ? good(`${data} holds ${contract}: ${checks} checks on ${formatCount(rows)} rows`) : bad(`${data} refused: ${violations.length} of ${checks} rules broken`),
  'dev.millrace.run.finished': ({ run_id: id, status }) => plain(`Run ${id.slice(0, 8)} ${status.toLowerCase()}`),
  'dev.millrace.deleted.purged': ({ runs, logged_models: models, experiments, actor }) =>
    bad(`${formatCount(runs.length)} runs, ${formatCount(models.length)} logged models and ${formatCount(experiments.length)} experiments that were deleted are removed for good by ${actor}`),
  'dev.millrace.model.created': ({ model }) => plain(`Model ${model} is registered`),
  'dev.millrace.model.renamed': ({ model, previous, actor }) => watch(`Model ${previous} is now ${model}, by ${actor}`),
  'dev.millrace.model.described': ({ model, actor }) => plain(`Model ${model} is described anew by ${actor}`),
  'dev.millrace.model.deleted': ({ model, versions, actor }) => bad(`Model ${model} with ${formatCount(versions.length)} versions is deleted by ${actor}`),
  'dev.millrace.model.tag.set': ({ model, key, actor }) => plain(`${model}: tag ${key} is set by ${actor}`),
  'dev.millrace.model.tag.deleted': ({ model, key, actor }) => plain(`${model}: tag ${key} is deleted by ${actor}`),
  'dev.millrace.model.version.created': ({ model, version }) => plain(`${model} v${version} is registered`),
  'dev.millrace.model.version.sealed': ({ model, version, digest }) => plain(`${model} v${version} is sealed as ${digest.slice(0, 8)}`),
  'dev.millrace.model.version.described': ({ model, version, actor }) => plain(`${model} v${version} is described anew by ${actor}`),
  'dev.millrace.model.version.deleted': ({ model, version, actor }) => bad(`${model} v${version} is deleted by ${actor}`),
  'dev.millrace.model.version.tag.set': ({ model, version, key, actor }) => plain(`${model} v${version}: tag ${key} is set by ${actor}`),
  'dev.millrace.model.version.tag.deleted': ({ model, version, key, actor }) => plain(`${model} v${version}: tag ${key} is deleted by ${actor}`),
  'dev.millrace.model.version.stage.changed': ({ model, version, stage, previous, actor }) => plain(`${model} v${version} moves from ${previous} to ${stage}, by ${actor}`),
  'dev.millrace.access.denied': ({ actor, action, resource }) => watch(`${actor} may not ${action} ${resource}`),
  'dev.millrace.model.alias.moved': ({ alias, version, previous, actor }) =>
    good(version === null ? `${alias} is removed from v${previous ?? '–'} by ${actor}` : `${alias} moves ${previous === null ? '' : `from v${previous} `}to v${version}, by ${actor}`),
  'dev.millrace.gate.decided': ({ version, gate, passed, checks }) => {
    const where = gate === 'candidate' ? 'at the gate' : 'after its time in shadow'
    return passed ? good(`v${version} passed ${where}`) : bad(`v${version} refused ${where}: ${checks.filter((check) => !check.passed).map((check) => check.name).join(', ')}`)
  },
  'dev.millrace.deployment.rolled_out': ({ alias, version, swap_ms: ms }) => good(`v${version} answers as ${alias}, swapped in ${ms < 1 ? 'under 1' : Math.round(ms)} ms`),
  'dev.millrace.deployment.failed': ({ alias, version, reason }) => bad(`v${version} could not be served as ${alias}: ${reason}`),
  'dev.millrace.deployment.rolled_back': ({ version, previous, reason }) => bad(`Rolled back from v${previous} to v${version}: ${reason}`),
  'dev.millrace.deployment.stepped': ({ version, phase, step, weight, reason }) =>
    phase === 'promoted'
      ? good(`v${version} has taken over: ${reason}`)
      : plain(phase === 'progressing' ? `v${version} answers ${weight} % of requests, step ${step + 1}` : `The rollout of v${version} is ${phase} at ${weight} %: ${reason}`),
  'dev.millrace.report.created': ({ window }) => plain(`Report on ${formatDay(window.start)} to ${formatDay(window.end)}`),
  'dev.millrace.drift.detected': ({ drifted, share }) => watch(`Drift: ${drifted.map(({ column }) => column).slice(0, 3).join(', ')}${drifted.length > 3 ? ` and ${drifted.length - 3} more` : ''} (${Math.round(share * 100)} % of columns)`),
  'dev.millrace.performance.degraded': ({ version, metric, value, reference }) => watch(`v${version} degraded: ${metric} ${value.toFixed(3)}, was ${reference.toFixed(3)} held out`),
  'dev.millrace.retraining.requested': ({ reason }) => watch(`Retraining asked for: ${reason}`),
  'dev.millrace.execution.started': ({ execution_id: id, reason }) => plain(`Execution ${id.slice(-8)} starts: ${reason}`),
  'dev.millrace.execution.finished': ({ execution_id: id, version, unchanged, stages }) =>
    good(`Execution ${id.slice(-8)} made ${version === null ? `the same model as v${unchanged ?? '?'}` : `v${version}`} in ${Math.round(stages.reduce((sum, stage) => sum + stage.seconds, 0))} s`),
  'dev.millrace.execution.failed': ({ execution_id: id, stage, reason }) => bad(`Execution ${id.slice(-8)} failed${stage === undefined ? '' : ` in ${stage}`}: ${reason}`),
  'dev.millrace.journal.discontinued': ({ cause, offset, resumed_at: at }) =>
    bad(`Serving’s journal was ${cause}: the monitor was at ${formatCount(offset)} and ${at === null ? 'waits for an operator' : `goes on at ${formatCount(at)}`}`),
  'dev.millrace.config.applied': ({ commit, actor }) => plain(`Configuration ${commit.slice(0, 8)} applied by ${actor}`),
}

import { join } from 'node:path'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import { commitPaths, setBranch } from '../../../platform/git/repository.ts'
import type { Logger } from '../../../platform/log/index.ts'
import { toPy } from '../../versioning/formats/py-value.ts'
import { closeWorktree, openProject, openWorktree, type Project } from '../../versioning/index.ts'
import { checkout, repro, setParams } from '../index.ts'
import { readDataVersions, readPipelineState, stageNames, trackState, type PipelineState, type RunTracking } from '../track/index.ts'
import { stageFailure, trackingFailure } from './failure.ts'
import { logFile } from './service.ts'
import { StageLog } from './stage-log.ts'
import { withEvent, withPlan } from './stage-progress.ts'
import type { ExecutionRow, ExecutionStore } from './store.ts'
import type { Finished } from './worker.ts'

export interface ExecutorOptions {
  readonly projectFolder: string
  readonly worktreeFolder: string
  readonly logFolder: string
  readonly store: ExecutionStore
  readonly log: Logger
  readonly tracking: RunTracking
  /** The alias that answers for a model. */
  readonly aliasOf: (model: string) => string
  /** For the commands of stages, beside this process's environment. */
  readonly environment: Readonly<Record<string, string>>
}

export const EXECUTION_TAG = 'millrace.execution_id'

/**
 * Runs an execution, in steps of which each can be done again: a worktree at its commit, data, parameters, the pipeline, a commit of what came out, the run and
 * the model version in tracking. What is done is in the worktree's dvc.lock, in the row and in tracking under the execution's id, so that after a kill at any
 * moment it goes on there.
 */
export function createExecutor(options: ExecutorOptions) {
  const { projectFolder, worktreeFolder, store } = options
  const folderOf = ({ execution_id: id }: ExecutionRow): string => join(worktreeFolder, id)

  const execute = async (execution: ExecutionRow, signal: AbortSignal): Promise<Finished> => {
    const main = openProject(projectFolder)
    const log = new StageLog(logFile(options.logFolder, execution.execution_id), (error) =>
      options.log.error({ execution: execution.execution_id, reason: errorMessage(error) }, 'the output of stages could not be written; going on without it'),
    )
    const worktree = await open(main, execution, folderOf(execution))
    const commit = execution.result_commit ?? (await make(options, main, worktree, execution, log, signal))
    if (signal.aborted) throw new MillraceError('CANCELLED', `execution ${execution.execution_id} was interrupted`)
    const tracked = await track(options, worktree, execution, commit)
    await store.record(execution.execution_id, tracked)
    const outcome = tracked.unchanged === null ? `version ${tracked.version} of ${execution.model}` : `the same model as version ${tracked.unchanged} of ${execution.model}, which answers already: nothing was registered`
    log.note(`run ${tracked.run_id}, ${outcome}, commit ${commit}`)
    return { ...tracked, commit }
  }

  const tidy = async (execution: ExecutionRow): Promise<void> => closeWorktree(openProject(projectFolder), folderOf(execution))
  return { execute, tidy }
}

async function open(main: Project, execution: ExecutionRow, folder: string): Promise<Project> {
  try {
    const worktree = await openWorktree(main, execution.result_commit ?? execution.commit, folder)
    // What was committed before has to be fetched again, should the worktree have been lost meanwhile.
    if (execution.result_commit !== null) checkoutData(worktree)
    return worktree
  } catch (error) {
    throw stageFailure(error, undefined)
  }
}

/** Everything up to the commit on `millrace/executions/ID`; answers with that commit once it is in the row. */
async function make({ store, environment }: ExecutorOptions, main: Project, worktree: Project, execution: ExecutionRow, log: StageLog, signal: AbortSignal): Promise<string> {
  const { request, execution_id: id } = execution
  let stages = execution.stages
  let failing: string | undefined
  let recording = Promise.resolve()
  const record = (): void => {
    const now = stages
    recording = recording.then(() => store.record(id, { stages: now }))
    // Awaited below, where it is told; until then nobody listens.
    recording.catch(() => undefined)
  }
  try {
    setParams(worktree, Object.entries(request.params ?? {}).map(([key, value]) => ({ file: 'params.yaml', key, value: toPy(value) })))
    checkoutData(worktree)
    stages = request.targets === undefined ? withPlan(stages, stageNames(worktree)) : stages
    await store.record(id, { data: Object.fromEntries(readDataVersions(worktree)), stages })
    await repro(worktree, {
      signal,
      env: { ...environment, MILLRACE_EXECUTION_ID: id },
      ...(request.targets === undefined ? {} : { targets: request.targets }),
      onOutput: (output) => log.output(output),
      onStage: (event) => {
        if (event.state === 'failed') failing = event.name
        log.event(event)
        stages = withEvent(stages, event)
        record()
      },
    })
    const result = await commitPaths(worktree.root, { message: `Execution ${id}: ${request.model}, ${request.reason}`, ...(execution.started_at === null ? {} : { date: execution.started_at }) })
    await setBranch(main.root, `millrace/executions/${id}`, result)
    await recording
    await store.record(id, { result_commit: result })
    return result
  } catch (error) {
    await recording
    if (signal.aborted || isLocked(error)) throw error
    throw stageFailure(error, failing)
  }
}

/**
 * Data must be there. Outputs of an earlier run save running a stage again, but a stage can make them anew. The worktree is ours alone, so that what a killed
 * stage left half made may be overwritten.
 */
function checkoutData(worktree: Project): void {
  const data = [...readDataVersions(worktree).keys()].map((path) => join(worktree.root, path))
  checkout(worktree, { force: true, targets: data })
  try {
    checkout(worktree, { force: true })
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'DVC_MISSING_DATA')) throw error
  }
}

/** Someone else works on the same data for a moment. */
function isLocked(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'DVC_LOCKED'
}

function stateOf(worktree: Project): PipelineState {
  try {
    return readPipelineState(worktree)
  } catch (error) {
    throw stageFailure(error, undefined)
  }
}

async function track({ tracking, aliasOf }: ExecutorOptions, worktree: Project, execution: ExecutionRow, commit: string): Promise<Omit<Finished, 'commit'>> {
  const { execution_id: id, model, reason, key } = execution
  const state = stateOf(worktree)
  try {
    const { run_id, version, unchanged = null } = await trackState(tracking, state, {
      experiment: model,
      runName: `execution-${id.slice(0, 8)}`,
      identity: { key: EXECUTION_TAG, value: id },
      commit: execution.commit,
      tags: { 'millrace.result_commit': commit, 'millrace.execution_key': key, 'millrace.reason': reason },
      startTime: Date.parse(execution.started_at ?? execution.created_at),
      register: model,
      unlessSameAs: aliasOf(model),
    })
    return { run_id, version, unchanged }
  } catch (error) {
    throw trackingFailure(error)
  }
}

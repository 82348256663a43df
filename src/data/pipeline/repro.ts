import { existsSync, rmSync } from 'node:fs'
import { gitSync } from '../../platform/git/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { store } from '../versioning/add.ts'
import { checkoutInSession } from '../versioning/checkout.ts'
import { dvcFileText, writeIfChanged } from '../versioning/dvc-file.ts'
import { claimForLong, withLock } from '../versioning/lock.ts'
import { pyEquals } from '../versioning/formats/py-value.ts'
import { lookUp } from '../versioning/objects.ts'
import { nameOf, type Project } from '../versioning/project.ts'
import { inSession, type Session } from '../versioning/session.ts'
import { outState } from '../versioning/status.ts'
import { hasChanges, readDeps, readParams, sameCommand, stageChanges } from './changes.ts'
import { runStageCommands, type CommandOptions } from './command.ts'
import { nodeName, planNodes, type Node } from './graph.ts'
import { findTargets, loadPipelines, type Pipelines } from './load.ts'
import type { LockEntry } from './lock-file.ts'
import { killOrphans } from './orphans.ts'
import { findRun, isRunCacheable } from './run-cache.ts'
import { saveStage } from './save.ts'
import type { Stage } from './stage.ts'

/**
 * `started`: its command is running. `cached`: nothing had changed. `restored`: its outputs came from the run cache. `finished`: it ran, or
 * (a `.dvc` file, a frozen stage) what had changed was saved. `failed`: the error follows.
 */
export interface StageEvent {
  readonly name: string
  readonly state: 'started' | 'cached' | 'restored' | 'finished' | 'failed'
  readonly seconds: number
}

export interface ReproOptions extends CommandOptions {
  /** Stages, files or outputs; without them all of the dvc.yaml in `base`. */
  readonly targets?: readonly string[]
  /** The folder that targets count from; the project's root without it. */
  readonly base?: string
  /** Run even what has not changed, and leave the run cache aside. */
  readonly force?: boolean
  /** Only the targets, not what they need. */
  readonly single?: boolean
  readonly onStage?: (event: StageEvent) => void
}

export interface ReproResult {
  readonly stages: readonly StageEvent[]
  /** How many were not `cached`. */
  readonly changed: number
}

/**
 * Brings the pipeline up to date, as `dvc repro`: one stage after the other, each only if its command, dependencies, parameters or outputs
 * differ from dvc.lock. After each stage its outputs are in the cache and dvc.lock is on disk, so that a run cut off at any moment goes on
 * where it was. Throws what the stage threw, PIPELINE_INPUT_MISSING, PIPELINE_OUTPUT_MISSING, CANCELLED, DVC_LOCKED.
 */
export async function repro(project: Project, options: ReproOptions = {}): Promise<ReproResult> {
  killOrphans(project)
  const pipelines = inSession(project, loadPipelines)
  const targets = findTargets(pipelines, options.targets ?? [], options.base ?? project.root)
  const events: StageEvent[] = []
  for (const node of planNodes(pipelines.graph, targets, options.single ?? false)) {
    const name = nodeName(project, node)
    const begin = performance.now()
    const tell = (state: StageEvent['state']): StageEvent => {
      const event = { name, state, seconds: (performance.now() - begin) / 1000 }
      options.onStage?.(event)
      return event
    }
    try {
      if (options.signal?.aborted) throw new MillraceError('CANCELLED', `cancelled before ${name}`)
      const state = await reproduceNode(pipelines, node, options, () => tell('started'))
      // Data that is as it was is no news: it has nothing to run.
      if (node.kind === 'stage' || state !== 'cached') events.push(tell(state))
    } catch (error) {
      tell('failed')
      throw error
    }
  }
  return { stages: events, changed: events.filter((event) => event.state !== 'cached').length }
}

type Outcome = 'cached' | 'restored' | 'finished'

async function reproduceNode(pipelines: Pipelines, node: Node, options: ReproOptions, started: () => void): Promise<Outcome> {
  if (node.kind === 'data') return saveData(pipelines.project, node)
  const { project } = pipelines
  const { stage } = node
  const lock = pipelines.lockOf(stage).get(stage.name)
  const changes = inSession(project, (session) => stageChanges(session, stage, lock))
  if (!options.force && !hasChanges(changes)) return 'cached'
  const release = claimForLong(project, claimOf(stage))
  const underLock = <T>(work: (session: Session) => T): T => withLock(project, { read: [], write: [], command: COMMAND }, () => inSession(project, work))
  try {
    if (stage.frozen) {
      underLock((session) => saveStage(session, pipelines, stage))
      return 'finished'
    }
    if (!options.force && underLock((session) => restore(session, stage, lock, changes.cmd))) {
      underLock((session) => saveStage(session, pipelines, stage))
      return 'restored'
    }
    underLock((session) => {
      readDeps(session, stage)
      readParams(session, stage)
      removeOuts(stage)
    })
    started()
    await runStageCommands(project, stage, options)
    underLock((session) => saveStage(session, pipelines, stage))
    return 'finished'
  } finally {
    release()
  }
}

const COMMAND = 'millrace repro'

function claimOf(stage: Stage) {
  return { read: [...stage.deps, ...stage.params].map(({ path }) => path), write: stage.outs.map(({ path }) => path), command: COMMAND }
}

/** Outputs that persist stay for the command to go on with. A folder that an output lies in is made by the command, as under DVC. */
function removeOuts(stage: Stage): void {
  for (const out of stage.outs) if (!out.persist) rmSync(out.path, { recursive: true, force: true })
}

/** Takes the outputs of the same run from the cache, if all of them are there. Where only outputs are missing, dvc.lock itself names the run. */
function restore(session: Session, stage: Stage, lock: LockEntry | undefined, cmdChanged: boolean): boolean {
  if (!isRunCacheable(stage)) return false
  const present: LockEntry = { cmd: stage.cmd, deps: readDeps(session, stage), params: readParams(session, stage), outs: stage.outs.map(({ name }) => ({ name, oid: '' })) }
  const complete = lock && !cmdChanged && stage.outs.every((out) => lock.outs.some((item) => item.name === out.name)) && sameInputs(lock, present)
  const run = complete ? lock : findRun(session.project, present)
  if (!run || !sameCommand(run.cmd, stage.cmd)) return false
  const wanted = stage.outs.flatMap((out) => {
    const item = run.outs.find((candidate) => candidate.name === out.name)
    return item ? [{ path: out.path, oid: item.oid, isexec: item.isexec ?? false, legacy: item.legacy ?? false, cache: out.cache }] : []
  })
  if (wanted.length < stage.outs.length || wanted.some((out) => lookUp(session, out).missing.length > 0)) return false
  // Now that they can be replaced, the old outputs go, as they would before a run.
  removeOuts(stage)
  checkoutInSession(session, wanted.filter((out) => out.cache), { force: true })
  checkoutInSession(session, wanted.filter((out) => !out.cache), { force: true, linkTypes: ['copy'] })
  return true
}

function sameInputs(lock: LockEntry, present: LockEntry): boolean {
  const same = present.deps.every((dep) => lock.deps.find((item) => item.name === dep.name)?.oid === dep.oid)
  return same && [...present.params].every(([file, values]) => pyEquals(lock.params.get(file) ?? null, values))
}

/** A `.dvc` file that stages need: what has changed since it was added is added, as DVC does in a repro. */
function saveData(project: Project, node: Extract<Node, { kind: 'data' }>): Outcome {
  let outcome: Outcome = 'cached'
  for (const owned of node.outs) {
    const { out, file, index } = owned
    const name = nameOf(project, out.path)
    const state = inSession(project, (session) => outState(session, out))
    if (state === undefined) continue
    if (!existsSync(out.path)) {
      throw new MillraceError('PIPELINE_INPUT_MISSING', `${name}: ${nameOf(project, file.file)} names it and it is not there; run \`millrace data checkout\``)
    }
    withLock(project, { read: [], write: [out.path], command: COMMAND }, () =>
      inSession(project, (session) => {
        const content = store(session, out.path)
        writeIfChanged(file.file, dvcFileText(name.split('/').at(-1) ?? name, content, { file, index }), file.yaml.text)
      }),
    )
    if (project.config.autostage && project.gitRoot !== undefined) gitSync(project.root, ['add', '--', nameOf(project, file.file)])
    outcome = 'finished'
  }
  return outcome
}

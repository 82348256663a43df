import { MillraceError } from '../../platform/errors/index.ts'
import { readContent } from '../versioning/content.ts'
import { pyEquals, type PyKey, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { nameOf } from '../versioning/project.ts'
import type { Session } from '../versioning/session.ts'
import { outState, type OutState } from '../versioning/status.ts'
import type { LockEntry, LockItem } from './lock-file.ts'
import { readParamsFile, valueAt } from './params.ts'
import { isCallback, type ParamsDep, type Stage } from './stage.ts'

export type ParamState = 'modified' | 'new' | 'deleted'

/** Why a stage must run, in the words of `dvc status`. */
export interface StageChanges {
  readonly cmd: boolean
  readonly always: boolean
  readonly deps: ReadonlyMap<string, 'modified' | 'deleted'>
  /** By file: the state of the file, or of each key that differs. */
  readonly params: ReadonlyMap<string, ParamState | ReadonlyMap<string, ParamState>>
  readonly outs: ReadonlyMap<string, OutState>
}

export function hasChanges(changes: StageChanges): boolean {
  return changes.cmd || changes.always || changes.deps.size + changes.params.size + changes.outs.size > 0
}

/** Compares a stage with its entry of dvc.lock. A frozen stage has no changed inputs. Paths are relative to the project. */
export function stageChanges(session: Session, stage: Stage, lock: LockEntry | undefined): StageChanges {
  return {
    cmd: lock !== undefined && !sameCommand(lock.cmd, stage.cmd),
    always: !stage.frozen && (stage.alwaysChanged || isCallback(stage)),
    deps: new Map(stage.frozen ? [] : stage.deps.flatMap((dep) => {
      const state = depState(session, dep.path, lock?.deps.find((item) => item.name === dep.name))
      return state === undefined ? [] : [[nameOf(session.project, dep.path), state] as const]
    })),
    params: new Map(stage.frozen ? [] : stage.params.flatMap((dep) => {
      const state = paramsState(session, dep, lock?.params.get(dep.name))
      return state === undefined ? [] : [[nameOf(session.project, dep.path), state] as const]
    })),
    outs: new Map(stage.outs.flatMap((out) => {
      const item = lock?.outs.find((candidate) => candidate.name === out.name)
      const state = outState(session, { path: out.path, oid: item?.oid, legacy: item?.legacy ?? false, cached: out.cache })
      return state === undefined ? [] : [[nameOf(session.project, out.path), state] as const]
    })),
  }
}

export function sameCommand(a: string | readonly string[], b: string | readonly string[]): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : a.length === b.length && a.every((line, i) => line === b[i])
}

function depState(session: Session, path: string, item: LockItem | undefined): 'modified' | 'deleted' | undefined {
  const content = readContent(session, path, undefined, item?.legacy)
  if (!content) return 'deleted'
  return content.oid === item?.oid ? undefined : 'modified'
}

function paramsState(session: Session, dep: ParamsDep, locked: PyMap | undefined): ParamState | ReadonlyMap<string, ParamState> | undefined {
  const file = readParamsFile(dep.path, nameOf(session.project, dep.path))
  if (!file) return 'deleted'
  if (!locked) return 'new'
  const now = pickParams(file, dep)
  const keys = dep.keys.length > 0 ? dep.keys : [...new Set([...now.keys(), ...locked.keys()])]
  const states = new Map(keys.flatMap((key): [string, ParamState][] => {
    const [present, before] = [now.get(key), locked.get(key)]
    if (present === undefined) return [[String(key), 'deleted']]
    if (before === undefined) return [[String(key), 'new']]
    return pyEquals(present, before) ? [] : [[String(key), 'modified']]
  }))
  return states.size === 0 ? undefined : states
}

/** The parameters of the file that the stage depends on, by dotted key; all of it where it names none. */
function pickParams(file: PyMap, dep: ParamsDep): PyMap {
  if (dep.keys.length === 0) return file
  return new Map(dep.keys.flatMap((key): [PyKey, PyValue][] => {
    const value = valueAt(file, key.split('.'))
    return value === undefined ? [] : [[key, value]]
  }))
}

/** The present values of a stage's parameters. Throws PIPELINE_INPUT_MISSING with the file and the keys that it lacks. */
export function readParams(session: Session, stage: Stage): ReadonlyMap<string, PyMap> {
  return new Map(stage.params.map((dep): [string, PyMap] => {
    const name = nameOf(session.project, dep.path)
    const file = readParamsFile(dep.path, name)
    if (!file) throw new MillraceError('PIPELINE_INPUT_MISSING', `stage ${stage.address}: its parameters file ${name} does not exist`)
    const values = pickParams(file, dep)
    const missing = dep.keys.filter((key) => !values.has(key))
    if (missing.length > 0) throw new MillraceError('PIPELINE_INPUT_MISSING', `stage ${stage.address}: ${name} has no ${missing.join(', ')}`)
    return [dep.name, values]
  }))
}

/** The present content of a stage's dependencies. Throws PIPELINE_INPUT_MISSING. */
export function readDeps(session: Session, stage: Stage): readonly LockItem[] {
  return stage.deps.map((dep) => {
    const content = readContent(session, dep.path)
    if (!content) {
      throw new MillraceError('PIPELINE_INPUT_MISSING', `stage ${stage.address}: it depends on ${nameOf(session.project, dep.path)}, which does not exist and no stage makes`)
    }
    return { name: dep.name, ...content }
  })
}

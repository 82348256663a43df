import { existsSync, statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { isPyList, isPyMap, pyStr, pyTypeName, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { isInside, nameOf, type Project } from '../versioning/project.ts'
import type { ResolvedStage } from './expand.ts'

export interface StageDep {
  /** As dvc.yaml and dvc.lock name it. */
  readonly name: string
  /** Absolute. */
  readonly path: string
}

export interface ParamsDep {
  readonly name: string
  readonly path: string
  /** Dotted; none means the whole file. */
  readonly keys: readonly string[]
}

export interface StageOut extends StageDep {
  readonly kind: 'out' | 'metric' | 'plot'
  /** False: Git keeps it. */
  readonly cache: boolean
  /** Not removed before the command runs. */
  readonly persist: boolean
  readonly push: boolean
}

export interface Stage {
  readonly name: string
  /** How messages and the command line name it: `train`, or `sub/dvc.yaml:train` for a pipeline in a folder. */
  readonly address: string
  /** Absolute path of its dvc.yaml. */
  readonly file: string
  readonly wdir: string
  readonly cmd: string | readonly string[]
  readonly deps: readonly StageDep[]
  readonly params: readonly ParamsDep[]
  readonly outs: readonly StageOut[]
  readonly frozen: boolean
  readonly alwaysChanged: boolean
  readonly desc: string | undefined
}

const DEFAULT_PARAMS = 'params.yaml'

/** Throws DVC_FILE_INVALID for a template that became something of the wrong type, and a path named twice. */
export function toStage(project: Project, file: string, folder: string, resolved: ResolvedStage): Stage {
  const { data, name, where } = resolved
  const text = (key: string, value: PyValue | undefined): string => {
    if (typeof value === 'string') return value
    if (value === undefined || value === null || isPyList(value) || isPyMap(value)) {
      throw new MillraceError('DVC_FILE_INVALID', `${where}: stages.${name}.${key}: a ${pyTypeName(value)}; expected a string`)
    }
    return pyStr(value)
  }
  const wdir = resolve(folder, data.has('wdir') ? text('wdir', data.get('wdir')) : '.')
  const located = (path: string): StageDep => ({ name: nameIn(project, wdir, path), path: resolve(wdir, path) })
  const cmd = data.get('cmd')
  const stage: Stage = {
    name,
    address: nameOf(project, file) === 'dvc.yaml' ? name : `${nameOf(project, file)}:${name}`,
    file,
    wdir,
    cmd: isPyList(cmd) ? cmd.map((line) => text('cmd', line)) : text('cmd', cmd),
    deps: unique(list(data, 'deps').map((item) => located(text('deps', item)))),
    params: paramsOf(data, wdir),
    outs: (['outs', 'metrics', 'plots'] as const).flatMap((key) => outsOf(data, key, located, text)),
    frozen: data.get('frozen') === true,
    alwaysChanged: data.get('always_changed') === true,
    desc: typeof data.get('desc') === 'string' ? text('desc', data.get('desc')) : undefined,
  }
  checkPaths(project, stage, where)
  return stage
}

/** DVC writes an absolute path inside the project relative to the stage, any other as it was given. */
function nameIn(project: Project, wdir: string, path: string): string {
  return isAbsolute(path) && isInside(path, project.root) ? relative(wdir, path) : path
}

function checkPaths(project: Project, stage: Stage, where: string): void {
  const fail = (why: string) => new MillraceError('DVC_FILE_INVALID', `${where}: stage ${stage.name}: ${why}`)
  if (!isInside(stage.wdir, project.root)) throw fail(`wdir ${stage.wdir} is outside of the project`)
  if (!existsSync(stage.wdir) || !statSync(stage.wdir).isDirectory()) throw fail(`wdir ${nameOf(project, stage.wdir)} is not a folder`)
  const seen = new Set<string>()
  for (const { path, name } of [...stage.deps, ...stage.outs]) {
    if (seen.has(path)) throw fail(`${name} is named more than once`)
    seen.add(path)
  }
  for (const out of stage.outs) {
    if (!isInside(out.path, project.root) || out.path === project.root) throw fail(`its output ${out.name} is outside of the project`)
  }
}

function list(data: PyMap, key: string): readonly PyValue[] {
  const value = data.get(key)
  return isPyList(value) ? value : []
}

function unique(deps: readonly StageDep[]): readonly StageDep[] {
  return [...new Map(deps.map((dep) => [dep.name, dep])).values()]
}

function outsOf(data: PyMap, key: 'outs' | 'metrics' | 'plots', located: (path: string) => StageDep, text: (key: string, value: PyValue) => string): readonly StageOut[] {
  const flagsByPath = new Map<string, PyMap>()
  for (const item of list(data, key)) {
    if (!isPyMap(item)) flagsByPath.set(text(key, item), new Map())
    // A plot may have a list of settings; those that Millrace needs are the same in each.
    else for (const [path, flags] of item) flagsByPath.set(String(path), isPyMap(flags) ? flags : isPyList(flags) && isPyMap(flags[0]) ? flags[0] : new Map())
  }
  const kind = key === 'outs' ? 'out' : key === 'metrics' ? 'metric' : 'plot'
  return [...flagsByPath].map(([path, flags]) => ({
    ...located(path), kind, cache: flags.get('cache') !== false, persist: flags.get('persist') === true, push: flags.get('push') !== false,
  }))
}

/** Keys without a file are of params.yaml; a file without keys is taken whole and swallows its keys elsewhere. */
function paramsOf(data: PyMap, wdir: string): readonly ParamsDep[] {
  const items = list(data, 'params')
  const whole = new Set(items.flatMap((item) => (isPyMap(item) ? [...item].filter(([, keys]) => !isPyList(keys) || keys.length === 0).map(([file]) => String(file)) : [])))
  const keysByFile = new Map<string, string[]>()
  const put = (file: string, keys: readonly string[]) => {
    keysByFile.set(file, whole.has(file) ? [] : [...(keysByFile.get(file) ?? []), ...keys])
  }
  for (const item of items) {
    if (isPyMap(item)) for (const [file, keys] of item) put(String(file), isPyList(keys) ? keys.map(pyStr) : [])
    else if (!whole.has(DEFAULT_PARAMS)) put(DEFAULT_PARAMS, [pyStr(item)])
  }
  return [...keysByFile].map(([name, keys]) => ({ name, keys, path: resolve(wdir, name) }))
}

/** A command without inputs and outputs: it runs every time. */
export function isCallback(stage: Stage): boolean {
  return stage.deps.length === 0 && stage.params.length === 0 && stage.outs.length === 0
}

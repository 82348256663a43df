import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { compareCodePoints, isPyList, isPyMap, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { pyJson } from '../versioning/formats/py-json.ts'
import { checkShape } from '../versioning/formats/shape.ts'
import { readYaml } from '../versioning/formats/yaml-read.ts'
import { writeYaml } from '../versioning/formats/yaml-write.ts'
import type { Project } from '../versioning/project.ts'
import { entryFromPy, entryToPy, type LockEntry } from './lock-file.ts'
import { LockStageShape } from './schema.ts'
import { isCallback, type Stage } from './stage.ts'

/** DVC's run cache: what a command made of which inputs, so that the same run need not be repeated, by whichever of the two tools it was done. */
export function isRunCacheable(stage: Stage): boolean {
  const hasAll = stage.deps.length + stage.params.length > 0 && stage.outs.length > 0
  return hasAll && !isCallback(stage) && !stage.alwaysChanged && stage.outs.every((out) => !out.persist)
}

/** The newest result of the same command on the same inputs, by either tool; undefined where there is none. `entry.outs` count by name only. */
export function findRun(project: Project, entry: LockEntry): LockEntry | undefined {
  const folder = runFolder(project, entry)
  if (!existsSync(folder)) return undefined
  const names = readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const [newest] = names.map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs })).toSorted((a, b) => b.time - a.time)
  if (!newest) return undefined
  const file = join(folder, newest.name)
  try {
    const yaml = readYaml(readFileSync(file, 'utf8'), file)
    checkShape(LockStageShape, yaml)
    return isPyMap(yaml.value) ? entryFromPy(yaml.value) : undefined
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'DVC_FILE_INVALID')) throw error
    // As DVC: a damaged entry is worth no more than none.
    rmSync(file, { force: true })
    return undefined
  }
}

export function saveRun(project: Project, entry: LockEntry): void {
  const file = join(runFolder(project, entry), sha256(entryToPy(entry)))
  if (!existsSync(file)) writeFileDurable(file, writeYaml(entryToPy(entry)))
}

function runFolder(project: Project, entry: LockEntry): string {
  const key = runKey(entry)
  return join(project.config.cacheDir, 'runs', key.slice(0, 2), key)
}

/** SHA-256 of Python's JSON of the entry, outputs reduced to their names. */
export function runKey(entry: LockEntry): string {
  const names = entry.outs.map((out) => out.name).toSorted(compareCodePoints)
  return sha256(new Map([...entryToPy({ ...entry, outs: [] }), ['outs', names]]))
}

function sha256(entry: PyMap): string {
  return createHash('sha256').update(pyJson(withoutSizes(entry), { sortKeys: true })).digest('hex')
}

/** DVC leaves out keys of these names wherever they stand, parameters of that name too. */
function withoutSizes(value: PyValue): PyValue {
  if (isPyList(value)) return value.map(withoutSizes)
  if (!isPyMap(value)) return value
  return new Map([...value].filter(([key]) => key !== 'size' && key !== 'nfiles').map(([key, item]) => [key, withoutSizes(item)]))
}

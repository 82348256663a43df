import { existsSync, readFileSync } from 'node:fs'
import { isScalar } from 'yaml'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { isPyMap, type PyKey, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { patchMapping } from '../versioning/formats/yaml-patch.ts'
import { readYaml, type YamlFile } from '../versioning/formats/yaml-read.ts'
import { writeYaml } from '../versioning/formats/yaml-write.ts'
import { nameOf, projectPath, type Project } from '../versioning/project.ts'

export interface ParamChange {
  /** Relative to the project. */
  readonly file: string
  /** Dotted. */
  readonly key: string
  readonly value: PyValue
}

/** `[FILE:]KEY=VALUE` as in `dvc exp run --set-param`; the value is YAML, so `1` is an integer and `"1"` a string. Throws USAGE. */
export function parseParamChange(text: string): ParamChange {
  const match = /^(?:([^=:]+):)?([^=:]+)=(.*)$/s.exec(text)
  if (!match) throw new MillraceError('USAGE', `${JSON.stringify(text)}: expected [FILE:]KEY=VALUE, such as train.sample=0.1`)
  const [, file = 'params.yaml', key = '', value = ''] = match
  const yaml = readYaml(`v: ${value}\n`, `the value of ${key}`)
  return { file, key, value: isPyMap(yaml.value) ? (yaml.value.get('v') ?? null) : null }
}

/**
 * Sets parameters in their files, which are made where missing. Everything else in a file stays byte for byte, comments too. Throws
 * DVC_FILE_INVALID where a part of the key is not a mapping. Answers the files changed, relative to the project.
 */
export function setParams(project: Project, changes: readonly ParamChange[]): readonly string[] {
  const changed: string[] = []
  for (const [name, ofFile] of Map.groupBy(changes, (change) => change.file)) {
    const file = projectPath(project, name)
    const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const after = ofFile.reduce((text, change) => setOne(text, nameOf(project, file), change), before)
    if (after === before) continue
    writeFileDurable(file, after)
    changed.push(nameOf(project, file))
  }
  return changed
}

function setOne(text: string, name: string, change: ParamChange): string {
  const yaml = readYaml(text, name)
  const keys = change.key.split('.')
  for (let depth = keys.length - 1; depth >= 0; depth--) {
    const above = keys.slice(0, depth)
    if (!holds(yaml, above)) continue
    const key = keys[depth] ?? ''
    const patched = patchMapping(yaml, above, new Map([[key, nest(keys.slice(depth + 1), change.value)]]))
    if (patched !== undefined) return patched
    break
  }
  // An empty file, or one in flow style (such as JSON): written anew.
  const root = isPyMap(yaml.value) ? yaml.value : new Map<PyKey, PyValue>()
  return writeYaml(withValue(root, keys, change.value, name, change.key))
}

/** Is there a mapping at the path? Throws where the path runs into a single value. */
function holds(yaml: YamlFile, path: readonly string[]): boolean {
  const node: unknown = path.length === 0 ? yaml.document.contents : yaml.document.getIn(path, true)
  if (isScalar(node) && node.value !== null) {
    throw new MillraceError('DVC_FILE_INVALID', `${yaml.where(path)}: ${path.join('.')} is a single value; expected a mapping`)
  }
  return node !== undefined && node !== null && !isScalar(node)
}

function nest(keys: readonly string[], value: PyValue): PyValue {
  const [first, ...rest] = keys
  return first === undefined ? value : new Map([[first, nest(rest, value)]])
}

function withValue(map: PyMap, keys: readonly string[], value: PyValue, file: string, full: string): PyMap {
  const [first = '', ...rest] = keys
  if (rest.length === 0) return new Map([...map, [first, value]])
  const below = map.get(first)
  if (below !== undefined && below !== null && !isPyMap(below)) throw new MillraceError('DVC_FILE_INVALID', `${file}: ${first} of ${full} is a single value; expected a mapping`)
  return new Map([...map, [first, withValue(isPyMap(below) ? below : new Map(), rest, value, file, full)]])
}

import { existsSync, readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { isPyList, isPyMap, pyTypeName, type PyMap, type PyValue } from '../versioning/formats/py-value.ts'
import { readYaml } from '../versioning/formats/yaml-read.ts'

/** A parameters file as a mapping; undefined where there is none. Throws DVC_FILE_INVALID for what is neither YAML nor JSON. `name` is for messages. */
export function readParamsFile(file: string, name: string): PyMap | undefined {
  if (!existsSync(file)) return undefined
  if (statSync(file).isDirectory()) throw new MillraceError('DVC_FILE_INVALID', `${name}: a folder; expected a parameters file`)
  const kind = extname(file).toLowerCase()
  if (kind === '.toml' || kind === '.py') {
    throw new MillraceError('DVC_FILE_INVALID', `${name}: parameters in ${kind.slice(1).toUpperCase()} are not read by Millrace; use YAML or JSON`)
  }
  // JSON is YAML; read so, its integers and floats stay apart as in Python.
  const { value } = readYaml(readFileSync(file, 'utf8'), name)
  if (!isPyMap(value)) throw new MillraceError('DVC_FILE_INVALID', `${name}: a ${pyTypeName(value)}; expected a mapping of parameters`)
  return value
}

/** The value at `a.b.0`; undefined where a part of the path is missing. */
export function valueAt(root: PyValue, path: readonly string[]): PyValue | undefined {
  let here: PyValue | undefined = root
  for (const part of path) {
    if (isPyMap(here)) here = here.has(part) ? here.get(part) : numberKey(here, part)
    else if (isPyList(here)) here = /^-?\d+$/.test(part) ? here.at(Number(part)) : undefined
    else return undefined
  }
  return here
}

function numberKey(map: PyMap, part: string): PyValue | undefined {
  return /^-?\d+$/.test(part) ? map.get(Number(part)) : undefined
}

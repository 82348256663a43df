import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import { MillraceError } from '../../../platform/errors/index.ts'
import { toJson } from './py-value.ts'
import type { YamlFile } from './yaml-read.ts'

/** The file's content (or what is `below` keys of it) as the schema's type. Throws DVC_FILE_INVALID with file, line, key, what was found and what was expected. */
export function checkShape<S extends TSchema>(schema: S, yaml: YamlFile, below: readonly string[] = []): Static<S> {
  const json = at(toJson(yaml.value), below)
  if (Value.Check(schema, json)) return json
  const errors = Value.Errors(schema, json)
  // The longest path is the most exact complaint; an unknown key is told by its own name.
  const error = errors.toSorted((a, b) => depth(b.instancePath) - depth(a.instancePath))[0]
  const path = (error?.instancePath ?? '').split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const unknownKey = error?.keyword === 'boolean'
  const found = at(json, path)
  const what = unknownKey ? 'unknown key' : `${describe(found)}: ${error?.message ?? 'not as expected'}`
  throw new MillraceError('DVC_FILE_INVALID', `${yaml.where([...below, ...indices(json, path)])}: ${[...below, ...path].join('.') || 'the file'}: ${what}`)
}

function depth(path: string): number {
  return path.split('/').length
}

function at(value: unknown, path: readonly string[]): unknown {
  let here = value
  for (const part of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = Object.entries(here).find(([key]) => key === part)?.[1]
  }
  return here
}

/** Lists want numbers in a path through the document. */
function indices(value: unknown, path: readonly string[]): readonly (string | number)[] {
  return path.map((part, i) => (Array.isArray(at(value, path.slice(0, i))) ? Number(part) : part))
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

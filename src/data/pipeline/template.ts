import { MillraceError } from '../../platform/errors/index.ts'
import { isPyList, isPyMap, pyStr, pyTypeName, type PyKey, type PyValue } from '../versioning/formats/py-value.ts'

/** `${…}` without a backslash before it. */
const EXPRESSION = /(?<!\\)\$\{(.*?)\}/g
const WORD = '[^.[\\]]+'
const GRAMMAR = new RegExp(`^\\s*${WORD}(?:\\.${WORD}|\\[${WORD}\\])*\\s*$`)

export interface TemplateOptions {
  /** `parsing.bool` of the configuration: `boolean_optional` writes `--no-flag` for false. */
  readonly bool: string
  /** `parsing.list`: `append` repeats the option for each item. */
  readonly list: string
}

/** Looks a dotted path up; undefined where there is nothing by that name. */
export type Lookup = (path: readonly string[]) => PyValue | undefined

export function hasExpression(text: string): boolean {
  return text.search(EXPRESSION) >= 0
}

/**
 * Replaces every `${path.to[0].value}` in strings below `value`, keys included. A string that is one expression takes the value with its
 * type. `where` (file, line, key) begins every message; `key` is the stage's key that is being resolved: only `cmd` may take a mapping,
 * which becomes command-line arguments. Throws DVC_FILE_INVALID.
 */
export function resolveTemplates(value: PyValue, lookup: Lookup, options: TemplateOptions, where: string, key: string): PyValue {
  const visit = (node: PyValue): PyValue => {
    if (typeof node === 'string') return resolveText(node, lookup, options, where, key)
    if (isPyList(node)) return node.map(visit)
    if (isPyMap(node)) return new Map([...node].map(([name, item]): [PyKey, PyValue] => [typeof name === 'string' ? pyStr(visit(name)) : name, visit(item)]))
    return node
  }
  return visit(value)
}

function resolveText(text: string, lookup: Lookup, options: TemplateOptions, where: string, key: string): PyValue {
  const matches = [...text.matchAll(EXPRESSION)]
  const [only] = matches
  if (only && matches.length === 1 && only[0] === text) {
    const value = find(only[1] ?? '', lookup, where, key)
    return key === 'cmd' && isPyMap(value) ? templateText(value, options, where) : value
  }
  return text.replaceAll(EXPRESSION, (_, inner: string) => templateText(find(inner, lookup, where, key), options, where)).replaceAll('\\${', '${')
}

function find(inner: string, lookup: Lookup, where: string, key: string): PyValue {
  if (!GRAMMAR.test(inner)) throw new MillraceError('DVC_FILE_INVALID', `${where}: \${${inner}} is not a path such as \${train.lr} or \${list[0]}`)
  const path = inner.replaceAll('[', '.').replaceAll(']', '').split('.').map((part) => part.trim())
  const value = lookup(path)
  if (value === undefined) throw new MillraceError('DVC_FILE_INVALID', `${where}: \${${inner}}: there is no ${path.join('.')} in params.yaml or vars`)
  if ((isPyMap(value) && key !== 'cmd' && key !== 'foreach' && key !== 'matrix') || (isPyList(value) && key !== 'foreach' && key !== 'matrix')) {
    throw new MillraceError('DVC_FILE_INVALID', `${where}: \${${inner}} is a ${pyTypeName(value)}; expected a single value`)
  }
  return value
}

/** A value as text: Python's `str`, but `true` and `false`; a mapping as arguments: `--lr 0.1 --flag --list 1 2`. */
export function templateText(value: PyValue, options: TemplateOptions, where: string): string {
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (!isPyMap(value)) return pyStr(value)
  let out = ''
  for (const [name, item] of flatten(value)) {
    if (item === true) out += `--${name} `
    else if (item === false) out += options.bool === 'boolean_optional' ? `--no-${name} ` : ''
    else if (isPyList(item)) {
      for (const [i, entry] of item.entries()) {
        if (isPyList(entry) || isPyMap(entry)) throw new MillraceError('DVC_FILE_INVALID', `${where}: ${name} holds a ${pyTypeName(entry)} in a list, which cannot become arguments`)
        out += i === 0 || options.list === 'append' ? `--${name} ${argument(entry)} ` : `${argument(entry)} `
      }
    } else out += `--${name} ${argument(item)} `
  }
  return out.trimEnd()
}

function argument(value: PyValue): string {
  if (typeof value !== 'string') return pyStr(value)
  // Python's shlex.quote.
  return value !== '' && /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`
}

function flatten(map: PyValue, prefix = ''): readonly [string, PyValue][] {
  if (!isPyMap(map)) return []
  return [...map].flatMap(([key, value]): [string, PyValue][] => (isPyMap(value) ? [...flatten(value, `${prefix}${key}.`)] : [[`${prefix}${key}`, value]]))
}

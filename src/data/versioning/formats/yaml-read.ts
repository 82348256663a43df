import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type ParsedNode } from 'yaml'
import { MillraceError } from '../../../platform/errors/index.ts'
import { isPyMap, type PyKey, type PyValue } from './py-value.ts'
import { resolvePlain, TIMESTAMP } from './yaml-scalar.ts'

/** A YAML file as Python values, with the way back to its lines. */
export interface YamlFile {
  readonly file: string
  readonly text: string
  readonly document: Document.Parsed
  readonly value: PyValue
  /** `line N` of the node at this path of keys and indices, or the file alone where there is none. */
  where(path: readonly (string | number)[]): string
}

/** Parses YAML 1.2 as DVC does. Throws DVC_FILE_INVALID with file, line and column. `{}` for an empty file. */
export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false })
  const [problem] = document.errors
  if (problem) {
    const at = problem.linePos?.[0]
    throw new MillraceError('DVC_FILE_INVALID', `${file}:${at?.line ?? 1}:${at?.col ?? 1}: not YAML: ${problem.message.split('\n')[0] ?? ''}`)
  }
  const lineOf = (offset: number) => lines.linePos(offset).line
  const value = document.contents === null ? new Map() : convert(document.contents, { document, file, lineOf })
  return {
    file,
    text,
    document,
    value: value ?? new Map(),
    where: (path) => {
      const node = document.getIn(path, true)
      const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
      return Array.isArray(range) && typeof range[0] === 'number' ? `${file}:${lineOf(range[0])}` : file
    },
  }
}

interface Reading {
  readonly document: Document.Parsed
  readonly file: string
  readonly lineOf: (offset: number) => number
}

function convert(node: unknown, reading: Reading): PyValue {
  if (node === null || node === undefined) return null
  if (isAlias(node)) return convert(node.resolve(reading.document), reading)
  if (isScalar<PyValue>(node)) {
    if (node.type !== 'PLAIN' || node.source === undefined) return node.type === 'PLAIN' ? null : String(node.value)
    if (node.tag === 'tag:yaml.org,2002:str') return node.source
    const value = resolvePlain(node.source)
    if (value === TIMESTAMP) {
      throw invalid(reading, node.range?.[0], `${JSON.stringify(node.source)} is a date, which DVC cannot hash; quote it to make it a string`)
    }
    return value
  }
  if (isSeq(node)) return node.items.map((item) => convert(item, reading))
  if (isMap<ParsedNode, ParsedNode | null>(node)) {
    const map = new Map<PyKey, PyValue>()
    for (const { key, value } of node.items) {
      const name = convert(key, reading)
      if (name === '<<' && isScalar(key) && key.type === 'PLAIN') {
        merge(map, convert(value, reading))
        continue
      }
      if (typeof name !== 'string' && typeof name !== 'number') {
        throw invalid(reading, key.range[0], 'a key must be a string or an integer')
      }
      // Set anew so that a key given here stands where it is written, not where a merge had put it.
      map.delete(name)
      map.set(name, convert(value, reading))
    }
    return map
  }
  return null
}

function merge(into: Map<PyKey, PyValue>, value: PyValue): void {
  for (const source of Array.isArray(value) ? value : [value]) {
    if (isPyMap(source)) for (const [key, item] of source) if (!into.has(key)) into.set(key, item)
  }
}

function invalid(reading: Reading, offset: number | undefined, message: string): MillraceError {
  return new MillraceError('DVC_FILE_INVALID', `${reading.file}:${reading.lineOf(offset ?? 0)}: ${message}`)
}

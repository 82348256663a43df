import { isMap, isScalar, type Pair, type ParsedNode, type YAMLMap } from 'yaml'
import { PyFloat, type PyMap, type PyValue } from './py-value.ts'
import { writeYaml } from './yaml-write.ts'
import type { YamlFile } from './yaml-read.ts'

type BlockMap = YAMLMap<ParsedNode, ParsedNode | null>

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * Changes keys of one block mapping in a YAML text and leaves every other byte as it is: comments, order, the user's quotes.
 * A value of undefined removes the key; a new key goes behind the last. Falls back to nothing: answers undefined where the mapping at
 * `path` is not there or not in block style, so that the caller writes the file anew.
 */
export function patchMapping(yaml: YamlFile, path: readonly (string | number)[], changes: ReadonlyMap<string, PyValue | undefined>): string | undefined {
  const node = path.length === 0 ? yaml.document.contents : yaml.document.getIn(path, true)
  if (!isMap<ParsedNode, ParsedNode | null>(node) || node.flow || node.items.length === 0) return undefined
  const indent = columnOf(yaml.text, keyStart(node.items[0]))
  const edits: Edit[] = []
  let tail = ''
  for (const [key, value] of changes) {
    const index = node.items.findIndex((pair) => isScalar(pair.key) && String(pair.key.value) === key)
    const pair = node.items[index]
    if (!pair) {
      if (value !== undefined) tail += writeYaml(new Map([[key, value]]), indent)
    } else if (value === undefined) {
      if (index === 0) return undefined
      edits.push({ start: lineStart(yaml.text, keyStart(pair)), end: pairEnd(yaml.text, node, index), text: '' })
    } else {
      edits.push(replacement(yaml.text, pair, node, index, key, value, indent))
    }
  }
  if (tail !== '') {
    const end = pairEnd(yaml.text, node, node.items.length - 1)
    edits.push({ start: end, end, text: yaml.text.charAt(end - 1) === '\n' ? tail : `\n${tail}` })
  }
  return applyEdits(yaml.text, edits)
}

function replacement(text: string, pair: Pair<ParsedNode, ParsedNode | null>, map: BlockMap, index: number, key: string, value: PyValue, indent: number): Edit {
  const isLeaf = typeof value !== 'object' || value === null || value instanceof PyFloat
  if (isLeaf && isScalar(pair.value) && pair.value.range && pair.value.source !== '') {
    // Only the scalar: a comment behind it stays.
    const lead = writeYaml(new Map([['k', value]])).slice('k: '.length, -1)
    return { start: pair.value.range[0], end: pair.value.range[1], text: lead }
  }
  const start = keyStart(pair)
  return { start, end: pairEnd(text, map, index), text: writeYaml(new Map([[key, value]]) satisfies PyMap, indent).trimStart() }
}

function keyStart(pair: Pair<ParsedNode, ParsedNode | null> | undefined): number {
  return pair?.key.range[0] ?? 0
}

function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset)
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

/** Behind the line on which the pair's value ends, and before any comment that belongs to what follows. */
function pairEnd(text: string, map: BlockMap, index: number): number {
  const pair = map.items[index]
  const valueEnd = pair?.value?.range?.[1] ?? pair?.key.range[1] ?? 0
  if (text.charAt(valueEnd - 1) === '\n') return valueEnd
  const newline = text.indexOf('\n', valueEnd)
  return newline < 0 ? text.length : newline + 1
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = text
  for (const edit of edits.toSorted((a, b) => b.start - a.start)) out = out.slice(0, edit.start) + edit.text + out.slice(edit.end)
  return out
}

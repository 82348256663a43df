import { isPyList, isPyMap, PyFloat, pyFloatRepr, type PyKey, type PyMap, type PyValue } from './py-value.ts'
import { readsAsString } from './yaml-scalar.ts'
import { writeDoubleQuoted, writePlain, writeSingleQuoted, type Sheet } from './yaml-text.ts'

/**
 * Block YAML with the very bytes of ruamel.yaml's default round-trip dumper (what DVC writes dvc.lock and .dvc files with):
 * sequences not indented, folding at 80 columns, and quotes where it would put them. Ends with a newline.
 */
export function writeYaml(value: PyMap, indent = 0): string {
  const sheet: Sheet = { out: '', column: 0, indent, whitespace: true, indention: true }
  writeMap(sheet, value)
  return `${sheet.out}\n`.replace(/^\n/, '')
}

function writeNode(sheet: Sheet, value: PyValue, inSequence: boolean): void {
  if (isPyMap(value) && value.size > 0) {
    nested(sheet, () => writeMap(sheet, value))
  } else if (isPyList(value) && value.length > 0) {
    // A sequence below a key stays at the key's own column; a sequence in a sequence goes one step in.
    if (inSequence) nested(sheet, () => writeList(sheet, value))
    else writeList(sheet, value)
  } else {
    nested(sheet, () => writeLeaf(sheet, value, inSequence))
  }
}

function nested(sheet: Sheet, write: () => void): void {
  const before = sheet.indent
  sheet.indent = before + 2
  write()
  sheet.indent = before
}

function writeMap(sheet: Sheet, map: PyMap): void {
  for (const [key, value] of map) {
    startLine(sheet)
    const complex = writeKey(sheet, key)
    if (value !== null || !complex) writeNode(sheet, value, complex)
  }
}

/** Answers true where the key was so long or odd that it took YAML's `? key` form; its value then stands as in a sequence. */
function writeKey(sheet: Sheet, key: PyKey): boolean {
  const text = String(key)
  if (typeof key === 'number' || (Array.from(text).length < LONGEST_KEY && !/[\n\x85\u2028\u2029]/.test(text))) {
    if (typeof key === 'number') writePlain(sheet, text, false)
    else writeString(sheet, key, false)
    indicator(sheet, ':', false)
    return false
  }
  indicator(sheet, '?', true, true)
  nested(sheet, () => writeString(sheet, text, true))
  startLine(sheet)
  indicator(sheet, ':', true, true)
  return true
}

function writeList(sheet: Sheet, list: readonly PyValue[]): void {
  for (const item of list) {
    startLine(sheet)
    indicator(sheet, '-', true, true)
    writeNode(sheet, item, true)
  }
}

function writeLeaf(sheet: Sheet, value: PyValue, inSequence: boolean): void {
  // In a sequence even nothing gets its space: `- ` and a line end.
  if (inSequence) startLine(sheet)
  if (value === null) return
  if (isPyList(value)) indicator(sheet, '[]', true)
  else if (isPyMap(value)) indicator(sheet, '{}', true)
  else if (typeof value === 'boolean') writePlain(sheet, value ? 'true' : 'false', true)
  else if (value instanceof PyFloat) writePlain(sheet, floatText(value.value), true)
  else if (typeof value === 'string') writeString(sheet, value, true)
  else writePlain(sheet, String(value), true)
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf'
  return pyFloatRepr(value)
}

/** ruamel's `choose_scalar_style`: plain where it may, then double quotes for `'` and line breaks, then single quotes. */
function writeString(sheet: Sheet, text: string, split: boolean): void {
  const facts = analyse(text)
  if (facts.plain && readsAsString(text)) writePlain(sheet, text, split)
  else if (!text.includes("'") && !text.includes('\n') && facts.single && (split || !facts.multiline)) writeSingleQuoted(sheet, text, split)
  else writeDoubleQuoted(sheet, text, split)
}

interface Analysis {
  readonly plain: boolean
  readonly single: boolean
  readonly multiline: boolean
}

/** ruamel's 128, less the five characters of the tag `!!str` that it counts in. */
const LONGEST_KEY = 123
const BLANK = '\0 \t\r\n\x85\u2028\u2029'
const BREAK = '\n\x85\u2028\u2029'

function analyse(text: string): Analysis {
  if (text === '') return { plain: false, single: true, multiline: false }
  const chars = Array.from(text)
  let indicators = text.startsWith('---') || text.startsWith('...')
  let multiline = false
  let special = false
  let breakSpace = false
  let spaceBreak = false
  for (const [i, char] of chars.entries()) {
    const before = chars[i - 1]
    const next = chars[i + 1]
    const blankNext = next === undefined || BLANK.includes(next)
    if (i === 0) {
      if ('#,[]{}&*!|>\'"%@`'.includes(char) || ('?:-'.includes(char) && blankNext)) indicators = true
    } else if ((char === ':' && blankNext) || (char === '#' && before !== undefined && BLANK.includes(before))) {
      indicators = true
    }
    if (BREAK.includes(char)) multiline = true
    if (!isPrintable(char)) special = true
    if (char === ' ' && before !== undefined && BREAK.includes(before)) breakSpace = true
    if (BREAK.includes(char) && before === ' ') spaceBreak = true
  }
  const first = chars[0] ?? ''
  const last = chars.at(-1) ?? ''
  const edges = first === ' ' || last === ' ' || BREAK.includes(first) || BREAK.includes(last)
  const single = !(breakSpace || special || spaceBreak)
  return { plain: single && !edges && !multiline && !indicators, single, multiline }
}

function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0
  if (code === 0x0a || code === 0x85 || (code >= 0x20 && code <= 0x7e)) return true
  return code !== 0xfeff && ((code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000)
}

/** ruamel's `write_indent`. */
function startLine(sheet: Sheet): void {
  if (!sheet.indention || sheet.column > sheet.indent || (sheet.column === sheet.indent && !sheet.whitespace)) {
    sheet.out += '\n'
    sheet.column = 0
    sheet.whitespace = true
    sheet.indention = true
  }
  if (sheet.column < sheet.indent) {
    sheet.out += ' '.repeat(sheet.indent - sheet.column)
    sheet.column = sheet.indent
    sheet.whitespace = true
  }
}

function indicator(sheet: Sheet, text: string, spaced: boolean, indention = false): void {
  const data = sheet.whitespace || !spaced ? text : ` ${text}`
  sheet.whitespace = false
  sheet.indention = sheet.indention && indention
  sheet.column += data.length
  sheet.out += data
}

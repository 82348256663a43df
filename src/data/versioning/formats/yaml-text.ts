/** Where the writer stands: ruamel's emitter state, as far as block style needs it. Columns count code points. */
export interface Sheet {
  out: string
  column: number
  indent: number
  whitespace: boolean
  indention: boolean
}

const WIDTH = 80

/** ruamel's `write_plain`, including its habit of leaving a space at the end of a folded line. */
export function writePlain(sheet: Sheet, text: string, split: boolean): void {
  if (text === '') return
  if (!sheet.whitespace) put(sheet, ' ', 1)
  sheet.whitespace = false
  sheet.indention = false
  const words = text.split(' ')
  for (const [i, word] of words.entries()) {
    if (i > 0) {
      // A run of spaces is never broken: split() shows it as empty words.
      const single = word !== '' && words[i - 1] !== ''
      if (single && sheet.column >= WIDTH && split) {
        newLine(sheet)
        sheet.whitespace = false
        sheet.indention = false
      } else {
        put(sheet, ' ', 1)
      }
    }
    if (word === '') continue
    const length = lengthOf(word)
    if (length + sheet.column > WIDTH && sheet.column > sheet.indent) newLine(sheet)
    put(sheet, word, length)
  }
}

/** ruamel's `write_single_quoted`; strings with `'` or a newline never come here. */
export function writeSingleQuoted(sheet: Sheet, text: string, split: boolean): void {
  open(sheet, "'")
  const words = text.split(' ')
  for (const [i, word] of words.entries()) {
    if (i > 0) {
      const single = word !== '' && words[i - 1] !== ''
      if (single && sheet.column > WIDTH && split) newLine(sheet)
      else put(sheet, ' ', 1)
    }
    put(sheet, word, lengthOf(word))
  }
  close(sheet, "'")
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '0', '\x07': 'a', '\x08': 'b', '\t': 't', '\n': 'n', '\x0b': 'v', '\f': 'f', '\r': 'r', '\x1b': 'e',
  '"': '"', '\\': '\\', '\x85': 'N', '\xa0': '_', '\u2028': 'L', '\u2029': 'P',
}

/** ruamel's `write_double_quoted`, with its rule for when a folded line needs a backslash. */
export function writeDoubleQuoted(sheet: Sheet, text: string, split: boolean): void {
  open(sheet, '"')
  const chars = Array.from(text)
  let start = 0
  for (let end = 0; end <= chars.length; end++) {
    const char = chars[end]
    if (char === undefined || mustEscape(char)) {
      if (start < end) {
        put(sheet, chars.slice(start, end).join(''), end - start)
        start = end
      }
      if (char !== undefined) {
        const escaped = escape(char)
        put(sheet, escaped, escaped.length)
        start = end + 1
      }
    }
    const foldable = end > 0 && end < chars.length - 1 && (char === ' ' || start >= end)
    if (!foldable || !split || sheet.column + (end - start) <= WIDTH) continue
    const backslash = needsBackslash(chars, start, end)
    const part = chars.slice(start, end)
    if (start < end) start = end
    put(sheet, part.join('') + (backslash ? '\\' : ''), part.length + (backslash ? 1 : 0))
    newLine(sheet)
    sheet.whitespace = false
    sheet.indention = false
    if (chars[start] === ' ') {
      if (backslash) put(sheet, '\\', 1)
      else start += 1
    }
  }
  close(sheet, '"')
}

function needsBackslash(chars: readonly string[], start: number, end: number): boolean {
  let space = chars.indexOf(' ', end)
  if (space < 0) return true
  const newline = chars.indexOf('\n', end)
  if (newline >= 0 && newline < space) space = newline
  const next = chars[space + 1]
  if (next === undefined) return true
  if (chars[space] === '\n' && next !== ' ') return true
  const between = chars.slice(end, space)
  const quoted = between.includes('"') || between.includes("'")
  const doubleSpace = chars[end - 1] === ' ' && chars[end] === ' '
  return quoted || next === ' ' || next === '\n' || doubleSpace || start === end
}

function mustEscape(char: string): boolean {
  if ('"\\\x85\u2028\u2029\ufeff'.includes(char)) return true
  const code = char.codePointAt(0) ?? 0
  if (code >= 0x20 && code <= 0x7e) return false
  return !((code >= 0xa0 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000)
}

function escape(char: string): string {
  const short = ESCAPES[char]
  if (short !== undefined) return `\\${short}`
  const code = char.codePointAt(0) ?? 0
  const hex = code.toString(16).toUpperCase()
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

function lengthOf(text: string): number {
  let length = 0
  for (const _ of text) length += 1
  return length
}

function put(sheet: Sheet, text: string, length: number): void {
  sheet.out += text
  sheet.column += length
}

function open(sheet: Sheet, quote: string): void {
  put(sheet, sheet.whitespace ? quote : ` ${quote}`, sheet.whitespace ? 1 : 2)
  sheet.whitespace = false
  sheet.indention = false
}

function close(sheet: Sheet, quote: string): void {
  put(sheet, quote, 1)
  sheet.whitespace = false
  sheet.indention = false
}

function newLine(sheet: Sheet): void {
  sheet.out += `\n${' '.repeat(sheet.indent)}`
  sheet.column = sheet.indent
  sheet.whitespace = true
  sheet.indention = true
}

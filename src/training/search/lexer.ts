import { MillraceError } from '../../platform/errors/index.ts'

export interface Token {
  /** `word`: keys and keywords; `name`: a key in backticks; `string`: in single or double quotes (the latter may be a key too). */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'operator' | '(' | ')' | ',' | '.' | 'end'
  /** Without quotes. */
  readonly text: string
  /** Whether a string stood in double quotes. */
  readonly double?: boolean
  /** Index of its first character. */
  readonly at: number
  /** Index after its last character. */
  readonly end: number
}

const SPACE = /\s+/y
const NUMBER = /[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\p{L}\p{N}_.\-/:])/uy
const WORD = /[\p{L}\p{N}_@][\p{L}\p{N}_\-/:@]*/uy
const OPERATOR = /!=|>=|<=|<>|==|[=<>]/y
const QUOTES: Readonly<Record<string, 'string' | 'name'>> = { "'": 'string', '"': 'string', '`': 'name' }

/** The words of a filter or an order. Ends with a token of kind `end`. Throws SEARCH_INVALID at the character that fits nothing. */
export function lex(source: string, what: string): readonly Token[] {
  const tokens: Token[] = []
  const match = (pattern: RegExp, at: number): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(source)?.[0]
  }
  let at = 0
  const push = (kind: Token['kind'], length: number) => {
    tokens.push({ kind, text: source.slice(at, at + length), at, end: at + length })
    at += length
  }
  while (at < source.length) {
    const character = source.charAt(at)
    const space = match(SPACE, at)
    const quote = QUOTES[character]
    const operator = match(OPERATOR, at)
    if (space !== undefined) {
      at += space.length
    } else if (quote !== undefined) {
      const token = quoted(source, at, quote, what)
      tokens.push(token)
      at = token.end
    } else if (character === '.' && tokens.at(-1)?.end === at && tokens.at(-1)?.kind !== 'operator') {
      push('.', 1)
    } else if (operator !== undefined) {
      push('operator', operator.length)
    } else if (character === '(' || character === ')' || character === ',') {
      push(character, 1)
    } else {
      const number = afterDot(tokens, at) ? undefined : match(NUMBER, at)
      const word = number === undefined ? match(WORD, at) : undefined
      if (number !== undefined) push('number', number.length)
      else if (word !== undefined) push('word', word.length)
      else throw searchError(what, source, at, `unexpected ${JSON.stringify(character)}`)
    }
  }
  tokens.push({ kind: 'end', text: '', at: source.length, end: source.length })
  return tokens
}

/** In `metrics.5` the 5 is a key. */
function afterDot(tokens: readonly Token[], at: number): boolean {
  const last = tokens.at(-1)
  return last?.kind === '.' && last.end === at
}

/** A quote inside is written twice, as in SQL. */
function quoted(source: string, at: number, kind: 'string' | 'name', what: string): Token {
  const quote = source.charAt(at)
  let text = ''
  for (let i = at + 1; i < source.length; i++) {
    if (source.charAt(i) !== quote) text += source.charAt(i)
    else if (source.charAt(i + 1) === quote) text += source.charAt(i++)
    else return { kind, text, at, end: i + 1, double: quote === '"' }
  }
  throw searchError(what, source, at, `this ${quote} is never closed`)
}

/** An error that points at the character. */
export function searchError(what: string, source: string, at: number, why: string): MillraceError {
  const start = Math.max(0, at - 60)
  const shown = source.slice(start, at + 60).replace(/\s/g, ' ')
  return new MillraceError('SEARCH_INVALID', `Invalid ${what}: ${why}, at character ${at + 1}:\n  ${shown}\n  ${' '.repeat(at - start)}^`, { details: { at } })
}

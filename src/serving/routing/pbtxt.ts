import { MillraceError } from '../../platform/errors/index.ts'

/** A message in protobuf's text format (https://protobuf.dev/reference/protobuf/textformat-spec/): each field with its values in their order. */
export type TextMessage = ReadonlyMap<string, readonly TextValue[]>
export type TextValue = string | number | boolean | TextMessage

const TOKEN = /\s+|#[^\n]*|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([A-Za-z_][\w.]*)|([-+]?[\d.][\w.+-]*)|([{}[\]<>:,;])/y
const DEPTH = 32

interface Token {
  readonly kind: 'string' | 'name' | 'number' | 'sign' | 'end'
  readonly text: string
  readonly line: number
}

/** What `config.pbtxt` uses of the text format. MODEL_INVALID names the line. */
export function parsePbtxt(text: string, where: string): TextMessage {
  const tokens = tokenize(text, where)
  let at = 0
  const peek = (): Token => tokens[at] ?? { kind: 'end', text: 'the end', line: 0 }
  const refuse = ({ text: found, line }: Token, expected: string) => new MillraceError('MODEL_INVALID', `${where}:${line}: found ${found}, expected ${expected}`)
  const take = (sign: string): boolean => {
    if (peek().kind !== 'sign' || peek().text !== sign) return false
    at++
    return true
  }

  const message = (close: string | null, depth: number): TextMessage => {
    if (depth > DEPTH) throw new MillraceError('MODEL_INVALID', `${where}: messages are nested more than ${DEPTH} deep`)
    const fields = new Map<string, TextValue[]>()
    for (;;) {
      if (close === null ? peek().kind === 'end' : take(close)) return fields
      const name = peek()
      if (name.kind !== 'name') throw refuse(name, close === null ? 'the name of a field' : `the name of a field, or ${close}`)
      at++
      const colon = take(':')
      const values = fields.get(name.text) ?? []
      fields.set(name.text, values)
      if (take('[')) list(values, depth)
      else values.push(value(colon, depth))
      if (!take(',')) take(';')
    }
  }

  const list = (values: TextValue[], depth: number): void => {
    while (!take(']')) {
      values.push(value(true, depth))
      if (!take(',') && peek().text !== ']') throw refuse(peek(), ', or ]')
    }
  }

  const value = (scalar: boolean, depth: number): TextValue => {
    if (take('{')) return message('}', depth + 1)
    if (take('<')) return message('>', depth + 1)
    const token = peek()
    if (!scalar || token.kind === 'sign' || token.kind === 'end') throw refuse(token, scalar ? 'a value' : ': or {')
    at++
    if (token.kind === 'name') return token.text === 'true' ? true : token.text === 'false' ? false : token.text
    if (token.kind === 'number') {
      const number = Number(token.text)
      if (Number.isNaN(number)) throw refuse(token, 'a number')
      return number
    }
    let whole = unquote(token.text)
    for (let next = peek(); next.kind === 'string'; next = peek()) {
      whole += unquote(next.text)
      at++
    }
    return whole
  }

  return message(null, 0)
}

function tokenize(text: string, where: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const start = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (!match) throw new MillraceError('MODEL_INVALID', `${where}:${line}: found ${JSON.stringify(text.slice(start, start + 10))}, expected protobuf's text format`)
    const [whole, quoted, name, number, sign] = match
    const kind = quoted !== undefined ? 'string' : name !== undefined ? 'name' : number !== undefined ? 'number' : sign !== undefined ? 'sign' : undefined
    if (kind) tokens.push({ kind, text: whole, line })
    line += whole.split('\n').length - 1
  }
  return [...tokens, { kind: 'end', text: 'the end', line }]
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/g, (_all, character: string) => ESCAPES[character] ?? character)
}

import { lex, searchError } from '../../search/lexer.ts'

/** What a clause of a filter of traces speaks of. */
export type TraceEntity = 'attribute' | 'tag' | 'metadata' | 'span' | 'feedback' | 'expectation' | 'issue'
export type Comparison = '=' | '!=' | '>' | '>=' | '<' | '<=' | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN' | 'IS NULL' | 'IS NOT NULL'

export interface TraceClause {
  readonly entity: TraceEntity
  readonly key: string
  readonly operator: Comparison
  /** Of IN and NOT IN several; of IS [NOT] NULL none; otherwise one. */
  readonly values: readonly (string | number)[]
}

export interface TraceOrder {
  readonly entity: 'attribute' | 'tag' | 'metadata'
  readonly key: string
  readonly descending: boolean
}

const WHAT = 'filter of traces'
const MOST_CLAUSES = 100
const LONGEST = 20_000

const ENTITIES: Readonly<Record<string, TraceEntity>> = {
  attribute: 'attribute', attributes: 'attribute', attr: 'attribute', trace: 'attribute', tag: 'tag', tags: 'tag', metadata: 'metadata', request_metadata: 'metadata',
  span: 'span', feedback: 'feedback', expectation: 'expectation', issue: 'issue',
}
const NUMBERS = ['timestamp_ms', 'execution_time_ms', 'end_time_ms']
const TEXTS = ['request_id', 'status', 'client_request_id', 'experiment_id']
/** Names of attributes, and what they mean. */
const ATTRIBUTES: Readonly<Record<string, readonly [TraceEntity, string]>> = {
  ...Object.fromEntries([...NUMBERS, ...TEXTS].map((key) => [key, ['attribute', key] as const])),
  timestamp: ['attribute', 'timestamp_ms'],
  request_time: ['attribute', 'timestamp_ms'],
  execution_time: ['attribute', 'execution_time_ms'],
  execution_duration: ['attribute', 'execution_time_ms'],
  end_time: ['attribute', 'end_time_ms'],
  trace_id: ['attribute', 'request_id'],
  id: ['attribute', 'request_id'],
  state: ['attribute', 'status'],
  name: ['tag', 'mlflow.traceName'],
  run_id: ['metadata', 'mlflow.sourceRun'],
  prompt: ['attribute', 'prompt'],
  text: ['span', 'content'],
}

const ORDERED: readonly Comparison[] = ['=', '!=', '>', '>=', '<', '<=']
const MATCHING: readonly Comparison[] = ['=', '!=', 'LIKE', 'ILIKE']
const PRESENCE: readonly Comparison[] = ['IS NULL', 'IS NOT NULL']

export function isNumeric(key: string): boolean {
  return NUMBERS.includes(key)
}

/** As MLflow's filters of traces, but for RLIKE. Clauses are joined by AND. */
export function parseTraceFilter(source: string | undefined): readonly TraceClause[] {
  if (source === undefined || source.trim() === '') return []
  const reader = new Reader(source)
  const clauses: TraceClause[] = []
  do {
    if (clauses.length === MOST_CLAUSES) throw reader.fail(`at most ${MOST_CLAUSES} clauses`)
    clauses.push(clauseOf(reader))
  } while (reader.skip('AND'))
  if (!reader.atEnd()) throw reader.fail('AND or the end')
  return clauses
}

/** One `order_by` entry: an attribute, a tag or a metadata key, and ASC or DESC. */
export function parseTraceOrder(source: string): TraceOrder {
  const reader = new Reader(source)
  const { entity, key } = identifier(reader)
  if (entity !== 'attribute' && entity !== 'tag' && entity !== 'metadata') throw searchError(WHAT, source, 0, `expected an attribute, a tag or metadata to order by`)
  const descending = reader.skip('DESC')
  if (!descending) reader.skip('ASC')
  if (!reader.atEnd()) throw reader.fail('ASC, DESC or the end')
  return { entity, key, descending }
}

class Reader {
  readonly #source: string
  readonly #tokens: ReturnType<typeof lex>
  #next = 0

  constructor(source: string) {
    if (source.length > LONGEST) throw searchError(WHAT, source, LONGEST, `it is longer than ${LONGEST} characters`)
    this.#source = source
    this.#tokens = lex(source, WHAT)
  }

  peek(): ReturnType<typeof lex>[number] {
    const token = this.#tokens[this.#next] ?? this.#tokens.at(-1)
    if (token === undefined) throw new TypeError('the last token is the end')
    return token
  }

  take(): ReturnType<typeof lex>[number] {
    const token = this.peek()
    this.#next++
    return token
  }

  /** Takes the next word if it is `keyword`, in any case. */
  skip(keyword: string): boolean {
    const token = this.peek()
    const is = token.kind === 'word' && token.text.toUpperCase() === keyword
    if (is) this.#next++
    return is
  }

  atEnd(): boolean {
    return this.peek().kind === 'end'
  }

  fail(expected: string): Error {
    const { kind, at, end } = this.peek()
    return searchError(WHAT, this.#source, at, `found ${kind === 'end' ? 'the end' : JSON.stringify(this.#source.slice(at, end))}, expected ${expected}`)
  }
}

function identifier(reader: Reader): { entity: TraceEntity; key: string } {
  const first = part(reader)
  if (reader.peek().kind !== '.') return attribute(reader, first)
  const entity = Object.hasOwn(ENTITIES, first) ? ENTITIES[first] : undefined
  if (entity === undefined) throw reader.fail(`one of ${Object.keys(ENTITIES).join(', ')} before the dot`)
  reader.take()
  let key = part(reader)
  while (reader.peek().kind === '.') {
    reader.take()
    key += `.${part(reader)}`
  }
  return entity === 'attribute' ? attribute(reader, key) : { entity, key }
}

function attribute(reader: Reader, name: string): { entity: TraceEntity; key: string } {
  const found = Object.hasOwn(ATTRIBUTES, name.toLowerCase()) ? ATTRIBUTES[name.toLowerCase()] : undefined
  if (found === undefined) throw reader.fail(`after one of ${Object.keys(ATTRIBUTES).join(', ')}; found ${name}`)
  return { entity: found[0], key: found[1] }
}

function part(reader: Reader): string {
  const token = reader.peek()
  if (token.kind !== 'word' && token.kind !== 'name' && !(token.kind === 'string' && token.double)) throw reader.fail("a key such as trace.status, tags.`my tag` or span.name")
  reader.take()
  return token.text
}

function clauseOf(reader: Reader): TraceClause {
  const { entity, key } = identifier(reader)
  const allowed = operatorsOf(reader, entity, key)
  const operator = comparison(reader)
  if (!allowed.includes(operator)) throw reader.fail(`one of ${allowed.join(' ')} before it, found ${operator}`)
  if (PRESENCE.includes(operator)) return { entity, key, operator, values: [] }
  if (operator === 'IN' || operator === 'NOT IN') return { entity, key, operator, values: list(reader) }
  const numeric = (entity === 'attribute' && isNumeric(key)) || ((entity === 'feedback' || entity === 'expectation') && !MATCHING.includes(operator))
  return { entity, key, operator, values: [value(reader, numeric)] }
}

function operatorsOf(reader: Reader, entity: TraceEntity, key: string): readonly Comparison[] {
  switch (entity) {
    case 'attribute':
      if (key === 'prompt') return ['=']
      return isNumeric(key) ? ORDERED : [...MATCHING, 'IN', 'NOT IN']
    case 'tag':
    case 'metadata':
      return [...MATCHING, ...PRESENCE, ...(key === 'mlflow.traceName' || key === 'mlflow.sourceRun' ? (['IN', 'NOT IN'] as const) : [])]
    case 'span':
      if (key === 'content') return ['LIKE', 'ILIKE']
      if (['name', 'type', 'status'].includes(key)) return [...MATCHING, 'IN', 'NOT IN']
      if (/^attributes\../.test(key)) return MATCHING
      throw reader.fail('after span: name, type, status, content or attributes.KEY')
    case 'feedback':
    case 'expectation':
      return [...ORDERED, 'LIKE', 'ILIKE', ...PRESENCE]
    case 'issue':
      if (key !== 'id') throw reader.fail('after issue: id')
      return ['=']
  }
}

function comparison(reader: Reader): Comparison {
  if (reader.skip('IS')) {
    const not = reader.skip('NOT')
    if (!reader.skip('NULL')) throw reader.fail(not ? 'NULL' : 'NULL or NOT NULL')
    return not ? 'IS NOT NULL' : 'IS NULL'
  }
  const not = reader.skip('NOT')
  if (reader.skip('IN')) return not ? 'NOT IN' : 'IN'
  if (not) throw reader.fail('IN')
  for (const word of ['LIKE', 'ILIKE'] as const) if (reader.skip(word)) return word
  if (reader.peek().kind === 'word' && reader.peek().text.toUpperCase() === 'RLIKE') throw reader.fail('LIKE or ILIKE: this server has no RLIKE')
  const operator = ORDERED.find((known) => reader.peek().kind === 'operator' && reader.peek().text === known)
  if (operator === undefined) throw reader.fail('a comparison')
  reader.take()
  return operator
}

function value(reader: Reader, numeric: boolean): string | number {
  const token = reader.peek()
  if (token.kind === 'number') {
    reader.take()
    return numeric ? Number(token.text) : token.text
  }
  if (numeric) throw reader.fail('a number without quotes')
  if (token.kind === 'word' && /^(true|false)$/i.test(token.text)) return reader.take().text.toLowerCase()
  if (token.kind !== 'string') throw reader.fail('a string in quotes')
  return reader.take().text
}

function list(reader: Reader): readonly string[] {
  if (reader.peek().kind !== '(') throw reader.fail('(')
  reader.take()
  const values: string[] = []
  for (;;) {
    values.push(String(value(reader, false)))
    const { kind } = reader.peek()
    if (kind !== ')' && kind !== ',') throw reader.fail(', or )')
    reader.take()
    if (kind === ')') return values
  }
}

import { type Clause, type Entity, type Grammar, type Order, knownKeys, typeOf } from './grammar.ts'
import { type Token, lex, searchError } from './lexer.ts'

const NUMBER_OPERATORS = ['=', '!=', '>', '>=', '<', '<='] as const
const STRING_OPERATORS = ['=', '!=', 'LIKE', 'ILIKE'] as const
/** Longer filters are refused, which bounds the SQL that they become. */
const MOST_CLAUSES = 100
const LONGEST = 20_000

interface Cursor {
  readonly peek: () => Token
  readonly take: () => Token
  /** Takes the next word if it is `keyword`, in any case. */
  readonly skip: (keyword: string) => boolean
  readonly fail: (token: Token, expected: string) => Error
}

/**
 * `filter := clause ("AND" clause)*`, `clause := ident op value | ident [NOT] IN (string, …) | ident IS [NOT] NULL`,
 * `ident := [entity "."] key`, split at the first dot; a key may stand in backticks or double quotes. No OR, NOT or grouping.
 */
export function parseFilter(grammar: Grammar, source: string | undefined): readonly Clause[] {
  if (source === undefined || source.trim() === '') return []
  const cursor = read(source, grammar.what)
  const clauses: Clause[] = []
  do {
    if (clauses.length === MOST_CLAUSES) throw cursor.fail(cursor.peek(), `at most ${MOST_CLAUSES} clauses`)
    clauses.push(clause(grammar, cursor))
  } while (cursor.skip('AND'))
  if (cursor.peek().kind !== 'end') throw cursor.fail(cursor.peek(), 'AND or the end')
  return clauses
}

/** One `order_by` entry: `[entity.]key [ASC|DESC]`. */
export function parseOrder(grammar: Grammar, source: string): Order {
  const cursor = read(source, `order of ${grammar.what.replace(/^filter of /, '')}`)
  const { entity, key } = identifier(grammar, cursor, true)
  const descending = cursor.skip('DESC')
  if (!descending) cursor.skip('ASC')
  if (cursor.peek().kind !== 'end') throw cursor.fail(cursor.peek(), 'ASC, DESC or the end')
  return { entity, key, descending }
}

/** A whole `order_by` list; the same key twice is an error, as in MLflow. */
export function parseOrders(grammar: Grammar, sources: readonly string[] | undefined): readonly Order[] {
  const orders = (sources ?? []).map((source) => ({ source, order: parseOrder(grammar, source) }))
  const seen = new Set<string>()
  for (const { source, order } of orders) {
    const name = `${order.entity}.${order.key}`
    if (seen.has(name)) throw searchError('order_by', source, 0, `${name} is named twice`)
    seen.add(name)
  }
  return orders.map(({ order }) => order)
}

function read(source: string, what: string): Cursor {
  if (source.length > LONGEST) throw searchError(what, source, LONGEST, `it is longer than ${LONGEST} characters`)
  const tokens = lex(source, what)
  const last = tokens.at(-1) as Token
  let next = 0
  const peek = () => tokens[next] ?? last
  return {
    peek,
    take: () => tokens[next++] ?? last,
    skip: (keyword) => {
      const token = peek()
      if (token.kind !== 'word' || token.text.toUpperCase() !== keyword) return false
      next++
      return true
    },
    fail: (token, expected) =>
      searchError(what, source, token.at, `found ${token.kind === 'end' ? 'the end' : JSON.stringify(source.slice(token.at, token.end))}, expected ${expected}`),
  }
}

function clause(grammar: Grammar, cursor: Cursor): Clause {
  const { entity, key, at } = identifier(grammar, cursor, false)
  const place = { entity, key, at: at.at }
  const type = typeOf(grammar, entity, key)
  if (cursor.skip('IS')) {
    if (entity !== 'tag' && entity !== 'param') throw cursor.fail(at, 'a tag or a param before IS NULL')
    const negated = cursor.skip('NOT')
    if (!cursor.skip('NULL')) throw cursor.fail(cursor.peek(), negated ? 'NULL' : 'NULL or NOT NULL')
    return { ...place, type: 'presence', operator: negated ? 'IS NOT NULL' : 'IS NULL' }
  }
  const negated = cursor.skip('NOT')
  if (cursor.skip('IN')) {
    const listable = entity === 'dataset' || (entity === 'attribute' && grammar.lists?.includes(key))
    if (!listable) throw cursor.fail(at, `one of ${(grammar.lists ?? []).join(', ')} before IN`)
    return { ...place, type: 'list', operator: negated ? 'NOT IN' : 'IN', value: list(cursor) }
  }
  if (negated) throw cursor.fail(cursor.peek(), 'IN')
  const whole = entity === 'attribute' && grammar.whole?.includes(key) === true
  return type === 'number' ? { ...place, ...numberComparison(cursor, whole) } : { ...place, ...stringComparison(cursor) }
}

function numberComparison(cursor: Cursor, whole: boolean) {
  const token = cursor.take()
  const operator = NUMBER_OPERATORS.find((known) => token.kind === 'operator' && known === token.text)
  if (operator === undefined) throw cursor.fail(token, `one of ${NUMBER_OPERATORS.join(' ')}`)
  const value = cursor.take()
  if (whole) {
    if ((value.kind !== 'number' && value.kind !== 'string') || !/^[+-]?\d+$/.test(value.text)) throw cursor.fail(value, 'a whole number')
  } else if (value.kind !== 'number') throw cursor.fail(value, 'a number without quotes')
  return { type: 'number', operator, value: Number(value.text) } as const
}

function stringComparison(cursor: Cursor) {
  const token = cursor.take()
  const text = token.kind === 'operator' ? token.text : token.kind === 'word' ? token.text.toUpperCase() : ''
  const operator = STRING_OPERATORS.find((known) => known === text)
  if (operator === undefined) throw cursor.fail(token, `one of ${STRING_OPERATORS.join(' ')}, IN or IS NULL`)
  return { type: 'string', operator, value: string(cursor) } as const
}

function string(cursor: Cursor): string {
  const token = cursor.take()
  if (token.kind !== 'string') throw cursor.fail(token, 'a string in quotes')
  return token.text
}

function list(cursor: Cursor): readonly string[] {
  const open = cursor.take()
  if (open.kind !== '(') throw cursor.fail(open, '(')
  const values = [string(cursor)]
  for (;;) {
    const token = cursor.take()
    if (token.kind === ')') return values
    if (token.kind !== ',') throw cursor.fail(token, ', or )')
    if (cursor.peek().kind === ')') continue
    values.push(string(cursor))
  }
}

function identifier(grammar: Grammar, cursor: Cursor, ordering: boolean): { entity: Entity; key: string; at: Token } {
  const at = cursor.peek()
  const first = part(cursor)
  let entity: Entity = 'attribute'
  let key = first
  if (cursor.peek().kind === '.') {
    const known = Object.hasOwn(grammar.entities, first) ? grammar.entities[first] : undefined
    if (known === undefined) throw cursor.fail(at, `one of ${Object.keys(grammar.entities).join(', ')} before the dot`)
    cursor.take()
    entity = known
    key = dottedKey(cursor)
  }
  if (entity === 'attribute') key = grammar.attributeAliases?.[key] ?? key
  if (ordering && !grammar.orderedBy.includes(entity)) throw cursor.fail(at, `one of the ${grammar.orderedBy.join('s, ')}s to order by`)
  const keys = knownKeys(grammar, entity)
  if (keys !== undefined && !keys.includes(key)) throw cursor.fail(at, `one of the ${entity}s ${keys.join(', ')}`)
  return { entity, key, at }
}

/** `a.b.c` is one key: only the first dot divides. Its parts touch. */
function dottedKey(cursor: Cursor): string {
  let key = part(cursor)
  while (cursor.peek().kind === '.') {
    cursor.take()
    key += `.${part(cursor)}`
  }
  return key
}

function part(cursor: Cursor): string {
  const token = cursor.take()
  if (token.kind === 'word' || token.kind === 'name' || (token.kind === 'string' && token.double)) return token.text
  throw cursor.fail(token, 'a key such as metrics.accuracy, params.depth, tags.`my tag` or an attribute')
}


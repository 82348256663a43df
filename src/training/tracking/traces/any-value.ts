import { bytesOf, doubleOf, fieldsOf, numberOf, textOf } from './protobuf.ts'

/**
 * Values of attributes. They are kept as JSON text, as MLflow keeps them, in which a double always has a point or an exponent, so that it goes back to clients as one:
 * `1.0`, not `1`.
 */
export type JsonText = string

/** How deep values may nest. */
const DEEPEST = 20

/** From OTLP's protobuf (opentelemetry.proto.common.v1.AnyValue). */
export function fromProto(message: Uint8Array, depth = 0): JsonText {
  if (depth > DEEPEST) return 'null'
  let text = 'null'
  for (const [number, value] of fieldsOf(message)) {
    if (number === 1) text = JSON.stringify(textOf(value))
    else if (number === 2) text = numberOf(value) === 0n ? 'false' : 'true'
    else if (number === 3) text = BigInt.asIntN(64, numberOf(value)).toString()
    else if (number === 4) text = doubleText(doubleOf(value))
    else if (number === 5) text = `[${[...fieldsOf(bytesOf(value))].filter(([item]) => item === 1).map(([, item]) => fromProto(bytesOf(item), depth + 1)).join(',')}]`
    else if (number === 6) text = `{${[...fieldsOf(bytesOf(value))].filter(([pair]) => pair === 1).map(([, pair]) => keyValue(bytesOf(pair), depth + 1)).join(',')}}`
    else if (number === 7) text = JSON.stringify(Buffer.from(bytesOf(value)).toString('base64'))
  }
  return text
}

function keyValue(message: Uint8Array, depth: number): string {
  const [key, value] = keyAndValue(message, depth)
  return `${JSON.stringify(key)}:${value}`
}

/** From opentelemetry.proto.common.v1.KeyValue. */
export function keyAndValue(message: Uint8Array, depth = 0): readonly [string, JsonText] {
  let key = ''
  let text = 'null'
  for (const [number, value] of fieldsOf(message)) {
    if (number === 1) key = textOf(value)
    else if (number === 2) text = fromProto(bytesOf(value), depth)
  }
  return [key, text]
}

/** From OTLP's JSON, names in either case. */
export function fromJson(value: unknown, depth = 0): JsonText {
  if (depth > DEEPEST || typeof value !== 'object' || value === null) return 'null'
  const get = (camel: string, snake: string): unknown => Reflect.get(value, camel) ?? Reflect.get(value, snake)
  const string = get('stringValue', 'string_value')
  if (typeof string === 'string') return JSON.stringify(string)
  const bool = get('boolValue', 'bool_value')
  if (typeof bool === 'boolean') return String(bool)
  const int = get('intValue', 'int_value')
  if (typeof int === 'number' || (typeof int === 'string' && /^-?\d{1,19}$/.test(int))) return String(int)
  const double = get('doubleValue', 'double_value')
  if (typeof double === 'number' || typeof double === 'string') return doubleText(Number(double))
  const array = get('arrayValue', 'array_value')
  if (typeof array === 'object' && array !== null) return `[${listOf(Reflect.get(array, 'values')).map((item) => fromJson(item, depth + 1)).join(',')}]`
  const map = get('kvlistValue', 'kvlist_value')
  if (typeof map === 'object' && map !== null) {
    const pairs = listOf(Reflect.get(map, 'values')).map((pair) => {
      const [key, text] = keyAndJson(pair, depth + 1)
      return `${JSON.stringify(key)}:${text}`
    })
    return `{${pairs.join(',')}}`
  }
  const bytes = get('bytesValue', 'bytes_value')
  return typeof bytes === 'string' ? JSON.stringify(bytes) : 'null'
}

export function keyAndJson(pair: unknown, depth = 0): readonly [string, JsonText] {
  if (typeof pair !== 'object' || pair === null) return ['', 'null']
  const key: unknown = Reflect.get(pair, 'key')
  return [typeof key === 'string' ? key : '', fromJson(Reflect.get(pair, 'value'), depth)]
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** As protobuf's JSON mapping writes an AnyValue for MLflow's clients. */
export function toProtoJson(text: JsonText): object {
  if (/^-?\d+$/.test(text)) return { int_value: text }
  if (NOT_FINITE.includes(text)) return { double_value: text }
  const value = parse(text)
  return value === undefined ? { string_value: text } : present(value)
}

/** The value itself; undefined where the text is no JSON. Numbers that no double holds lose their last digits. */
export function parse(text: JsonText): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const NOT_FINITE: readonly string[] = ['NaN', 'Infinity', '-Infinity']

function present(value: unknown): object {
  switch (typeof value) {
    case 'string':
      return { string_value: value }
    case 'boolean':
      return { bool_value: value }
    case 'number':
      return { double_value: value }
    default:
      if (Array.isArray(value)) return { array_value: { values: value.map(nested) } }
      if (typeof value === 'object' && value !== null) return { kvlist_value: { values: Object.entries(value).map(([key, item]) => ({ key, value: nested(item) })) } }
      return {}
  }
}

/** Inside lists and maps a whole number is an integer: what wrote `1.0` is no longer to be seen. */
function nested(value: unknown): object {
  return typeof value === 'number' && Number.isSafeInteger(value) ? { int_value: String(value) } : present(value)
}

function doubleText(value: number): JsonText {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

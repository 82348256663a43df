import { compareCodePoints, isPyList, isPyMap, PyFloat, pyFloatRepr, type PyValue } from './py-value.ts'

export interface JsonOptions {
  readonly sortKeys?: boolean
}

/**
 * Python's `json.dumps` with its defaults: separators `", "` and `": "`, everything outside 0x20–0x7e escaped as lower-case
 * `\uxxxx` (JSON.stringify would leave DEL raw). Directory objects and run-cache keys are hashes of these bytes.
 */
export function pyJson(value: PyValue, options: JsonOptions = {}): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (value instanceof PyFloat) return floatJson(value.value)
  if (typeof value === 'string') return pyJsonString(value)
  if (isPyList(value)) return `[${value.map((item) => pyJson(item, options)).join(', ')}]`
  if (isPyMap(value)) {
    let entries = [...value].map(([key, item]): [string, PyValue] => [String(key), item])
    if (options.sortKeys) entries = entries.toSorted(([a], [b]) => compareCodePoints(a, b))
    return `{${entries.map(([key, item]) => `${pyJsonString(key)}: ${pyJson(item, options)}`).join(', ')}}`
  }
  return 'null'
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const SHORT: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\f': '\\f', '\b': '\\b' }

export function pyJsonString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  let out = '"'
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    const char = text.charAt(i)
    out += SHORT[char] ?? (unit >= 0x20 && unit <= 0x7e ? char : `\\u${unit.toString(16).padStart(4, '0')}`)
  }
  return `${out}"`
}

function floatJson(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  return pyFloatRepr(value)
}

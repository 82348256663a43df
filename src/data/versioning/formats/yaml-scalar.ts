import { pyInt, PyFloat } from './py-value.ts'

/** A date or time: DVC cannot hash one, so neither reader nor writer lets it pass as something else. */
export const TIMESTAMP = Symbol('timestamp')

const BOOL = /^(?:true|True|TRUE|false|False|FALSE)$/
const NULL = /^(?:~|null|Null|NULL|)$/
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const INT = /^(?:[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+)$/
const DATE = /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/

/**
 * What a plain (unquoted) scalar means to ruamel.yaml in YAML 1.2, DVC's reader and writer: `yes` is a string, `1_000` an integer,
 * `1e3` a float, `2020-01-01` a date. The same rule decides which strings the writer must quote.
 */
export function resolvePlain(text: string): null | boolean | number | bigint | string | PyFloat | typeof TIMESTAMP {
  if (NULL.test(text)) return null
  if (BOOL.test(text)) return text.toLowerCase() === 'true'
  const first = text.charCodeAt(0)
  const numeric = (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x2e
  if (!numeric) return text
  if (FLOAT.test(text)) return parseFloatText(text)
  if (INT.test(text)) return parseIntText(text)
  return DATE.test(text) ? TIMESTAMP : text
}

/** True where ruamel's writer may leave the string unquoted as far as its meaning goes (`=` and `<<` mean something in YAML). */
export function readsAsString(text: string): boolean {
  // `-_` looks like an integer to ruamel's pattern and is none to Python: read as it stands, but quoted when written.
  return typeof resolvePlain(text) === 'string' && text !== '=' && text !== '<<' && !/^[-+]_+$/.test(text)
}

function parseFloatText(source: string): PyFloat | string {
  const text = source.replaceAll('_', '').toLowerCase()
  if (text.endsWith('.inf')) return new PyFloat(text.startsWith('-') ? -Infinity : Infinity)
  if (text === '.nan') return new PyFloat(Number.NaN)
  const value = Number(text)
  return Number.isNaN(value) ? source : new PyFloat(value)
}

function parseIntText(source: string): number | bigint | string {
  const text = source.replaceAll('_', '').toLowerCase()
  const negative = text.startsWith('-')
  const digits = text.replace(/^[-+]/, '')
  if (digits === '') return source
  // Without a letter a leading zero is decimal here, as in ruamel: `010` is ten.
  const value = /^0[box]/.test(digits) ? BigInt(digits) : BigInt(digits.replace(/^0+(?=\d)/, ''))
  return pyInt(negative ? -value : value)
}

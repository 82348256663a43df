/**
 * Values as Python sees them. DVC hashes and writes Python values, and there `1` and `1.0` differ (another run-cache key,
 * another line in dvc.lock), keys keep their order, and integers have no limit. So: a float is wrapped, a mapping is a Map.
 */
export class PyFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export type PyKey = string | number
export type PyMap = ReadonlyMap<PyKey, PyValue>
export type PyValue = null | boolean | number | bigint | string | PyFloat | readonly PyValue[] | PyMap

export function isPyMap(value: PyValue | undefined): value is PyMap {
  return value instanceof Map
}

export function isPyList(value: PyValue | undefined): value is readonly PyValue[] {
  return Array.isArray(value)
}

/** An integer of any size as the smallest JavaScript type that holds it exactly. */
export function pyInt(value: bigint): number | bigint {
  const small = Number(value)
  return Number.isSafeInteger(small) ? small : value
}

/** Equality as Python's `==`: numbers by value whatever their type (and `True == 1`), mappings whatever their order. */
export function pyEquals(a: PyValue, b: PyValue): boolean {
  const x = asNumber(a)
  const y = asNumber(b)
  // Loosely, because an integer beyond 2^53 is a bigint and may equal a float.
  if (x !== undefined && y !== undefined) return typeof x === typeof y ? x === y : Number(x) === Number(y)
  if (isPyList(a)) return isPyList(b) && a.length === b.length && a.every((item, i) => pyEquals(item, b[i] ?? null))
  if (isPyMap(a)) {
    return isPyMap(b) && a.size === b.size && [...a].every(([key, item]) => b.has(key) && pyEquals(item, b.get(key) ?? null))
  }
  return a === b
}

function asNumber(value: PyValue): number | bigint | undefined {
  if (value instanceof PyFloat) return value.value
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
}

/** The name that Python gives the type; for messages. */
export function pyTypeName(value: PyValue | undefined): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof PyFloat) return 'float'
  if (isPyList(value)) return 'list'
  if (isPyMap(value)) return 'mapping'
  if (typeof value === 'boolean') return 'boolean'
  return typeof value === 'string' ? 'string' : 'integer'
}

/** Python's `repr` of a float: the shortest digits that read back, exponent below 1e-4 and from 1e16 on, of two digits at least. */
export function pyFloatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const sign = mantissa.startsWith('-') ? '-' : ''
  const digits = mantissa.replace('-', '').replace('.', '')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= 16) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits.charAt(0)}${rest}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const padded = digits.padEnd(exponent + 1, '0')
  return `${sign}${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || '0'}`
}

/** Python's `str`, which is what templates and messages show. */
export function pyStr(value: PyValue): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (value instanceof PyFloat) return pyFloatRepr(value.value)
  return typeof value === 'string' ? value : isPyList(value) || isPyMap(value) ? pyRepr(value) : String(value)
}

function pyRepr(value: PyValue): string {
  if (typeof value === 'string') return value.includes("'") && !value.includes('"') ? `"${value}"` : `'${value.replaceAll("'", "\\'")}'`
  if (isPyList(value)) return `[${value.map(pyRepr).join(', ')}]`
  if (isPyMap(value)) return `{${[...value].map(([key, item]) => `${pyRepr(key)}: ${pyRepr(item)}`).join(', ')}}`
  return pyStr(value)
}

/** Order by Unicode code point, as Python sorts strings. JavaScript's own order compares UTF-16 units and puts U+E000 after U+1F600. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const xSurrogate = x >= 0xd800 && x <= 0xdfff
    const ySurrogate = y >= 0xd800 && y <= 0xdfff
    // A surrogate stands for a code point above every unit of the basic plane.
    if (xSurrogate !== ySurrogate) return xSurrogate ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

/** Values of JavaScript (JSON, a command line) as Python's: a number without fraction is an integer. */
export function toPy(value: unknown): PyValue {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : new PyFloat(value)
  if (typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint' || value instanceof PyFloat) return value
  if (Array.isArray(value)) return value.map(toPy)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [typeof key === 'number' ? key : String(key), toPy(item)]))
  return new Map(Object.entries(value).map(([key, item]) => [key, toPy(item)]))
}

/** The same as plain JSON, for answers to machines; floats lose their mark, integers beyond 2^53 become strings. */
export function toJson(value: PyValue): unknown {
  if (value instanceof PyFloat) return value.value
  if (typeof value === 'bigint') return value.toString()
  if (isPyList(value)) return value.map(toJson)
  if (isPyMap(value)) return Object.fromEntries([...value].map(([key, item]) => [String(key), toJson(item)]))
  return value
}

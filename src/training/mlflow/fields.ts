import Type from 'typebox'
import type { Double, KeyValue } from '../../api/tracking.ts'
import { invalid } from './errors.ts'

/** Field types of protobuf's JSON mapping (https://protobuf.dev/programming-guides/json/): integers and doubles may come as strings. */
export const text = Type.String()
export const int64 = Type.Union([Type.Integer(), Type.String({ pattern: '^-?\\d{1,19}$' })])
export const double = Type.Union([
  Type.Number(),
  Type.Literal('NaN'),
  Type.Literal('Infinity'),
  Type.Literal('-Infinity'),
  Type.String({ pattern: '^-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?$' }),
])
export const keyValue = Type.Object({ key: text, value: Type.Optional(Type.String({ default: '' })) })
export const keyValues = Type.Optional(Type.Array(keyValue))

/** Numeric enums may come by name or by number. */
export function enumeration<const N extends Readonly<Record<string, number>>>(values: N) {
  return Type.Union([...Object.keys(values).map((name) => Type.Literal(name)), ...Object.values(values).map((value) => Type.Literal(value))])
}

export function enumName<const N extends Readonly<Record<string, number>>>(values: N, given: string | number): keyof N & string {
  for (const name in values) if (name === given || values[name] === given) return name
  throw invalid(`found ${JSON.stringify(given)}, expected one of ${Object.keys(values).join(', ')}`)
}

export const VIEW_TYPE = { ACTIVE_ONLY: 1, DELETED_ONLY: 2, ALL: 3 } as const
export const RUN_STATUS = { RUNNING: 1, SCHEDULED: 2, FINISHED: 3, FAILED: 4, KILLED: 5 } as const
export const LOGGED_MODEL_STATUS = { LOGGED_MODEL_PENDING: 1, LOGGED_MODEL_READY: 2, LOGGED_MODEL_UPLOAD_FAILED: 3 } as const

/** An int64 that the schema has accepted. Ours are times and counters: what a double cannot hold exactly is refused. */
export function toInteger(value: number | string, field: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalid(`Invalid value ${String(value)} for parameter '${field}': expected an integer between -(2^53-1) and 2^53-1`)
  return number
}

export function toDouble(value: number | string): number {
  return Number(value)
}

/** The other way: JSON has no NaN and no infinities, so they leave as protobuf writes them. */
export function fromDouble(value: number): Double {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

/** Tags of a request. The last of two with one key wins, as in MLflow. */
export function toKeyValues(given: readonly { readonly key: string; readonly value?: string }[] | undefined): readonly KeyValue[] {
  return [...new Map((given ?? []).map(({ key, value }) => [key, value ?? ''])).entries()].map(([key, value]) => ({ key, value }))
}

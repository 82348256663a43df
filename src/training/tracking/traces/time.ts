import { invalid } from '../../mlflow/errors.ts'

/** google.protobuf.Timestamp in JSON, to milliseconds since 1970. */
export function fromTimestamp(text: string, field: string): number {
  const time = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text.replace(/(\.\d{3})\d+/, '$1')) : Number.NaN
  if (Number.isNaN(time)) throw invalid(`Invalid value ${JSON.stringify(text)} for parameter '${field}' supplied: expected an RFC 3339 time`)
  return time
}

export function toTimestamp(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z')
}

/** google.protobuf.Duration in JSON (`1.5s`), to milliseconds. */
export function fromDuration(text: string, field: string): number {
  const match = /^(-?\d{1,12}(?:\.\d{1,9})?)s$/.exec(text)
  if (match === null) throw invalid(`Invalid value ${JSON.stringify(text)} for parameter '${field}' supplied: expected seconds, as in 1.5s`)
  return Math.round(Number(match[1]) * 1000)
}

/** With as many digits as protobuf writes: none, or three. */
export function toDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${(ms / 1000).toFixed(3)}s`
}

import { type JsonText, parse, toProtoJson } from './any-value.ts'
import { ATTRIBUTE } from './keys.ts'
import type { SpanStatus } from './tables.ts'

export type Attributes = Readonly<Record<string, JsonText>>

/** A span as OTLP brings it. Ids are lower-case hex; times are nanoseconds since 1970 in decimal digits. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | null
  readonly name: string
  readonly startNs: string
  /** null while it runs. */
  readonly endNs: string | null
  readonly status: SpanStatus
  readonly message: string
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly timeNs: string; readonly attributes: Attributes }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[]
  /** Attributes of what sent it. */
  readonly resource: Attributes
}

const STATUS_CODES = { UNSET: 'STATUS_CODE_UNSET', OK: 'STATUS_CODE_OK', ERROR: 'STATUS_CODE_ERROR' } as const

/** MLflow's id of the trace that a span belongs to. */
export function mlflowTraceId(otelTraceId: string): string {
  return `tr-${otelTraceId}`
}

export function spanType({ attributes }: Span): string {
  return textAttribute(attributes, ATTRIBUTE.type) ?? 'UNKNOWN'
}

/** A text attribute without its quotes; undefined where there is none, or it is no text. */
export function textAttribute(attributes: Attributes, key: string): string | undefined {
  const value = attributes[key] === undefined ? undefined : parse(attributes[key])
  return typeof value === 'string' ? value : undefined
}

/** Times beyond the year 2255 count as that year. */
export function microseconds(nanoseconds: string): number {
  return Math.min(Number(BigInt(nanoseconds) / 1000n), Number.MAX_SAFE_INTEGER)
}

export function milliseconds(nanoseconds: string): number {
  return Math.floor(microseconds(nanoseconds) / 1000)
}

/** What `spans.content` holds: the span without what its trace and its columns tell. */
interface Content {
  readonly start: string
  readonly end: string | null
  readonly message: string
  readonly attributes: Attributes
  readonly events: Span['events']
  readonly links: Span['links']
}

export function toContent({ startNs, endNs, message, attributes, events, links }: Span): string {
  const content: Content = { start: startNs, end: endNs, message, attributes, events, links }
  return JSON.stringify(content)
}

export interface StoredSpan {
  readonly trace_id: string
  readonly span_id: string
  readonly parent_id: string | null
  readonly name: string
  readonly status: SpanStatus
  readonly content: string
}

/** opentelemetry.proto.trace.v1.Span in protobuf's JSON mapping: ids in base64, 64-bit integers as text. */
export function presentSpan(row: StoredSpan): object {
  const content: Content = JSON.parse(row.content)
  return {
    trace_id: base64(row.trace_id.replace(/^tr-/, '')),
    span_id: base64(row.span_id),
    ...(row.parent_id === null ? {} : { parent_span_id: base64(row.parent_id) }),
    name: row.name,
    start_time_unix_nano: content.start,
    ...(content.end === null ? {} : { end_time_unix_nano: content.end }),
    attributes: presentAttributes(content.attributes),
    events: content.events.map(({ name, timeNs, attributes }) => ({ name, time_unix_nano: timeNs, attributes: presentAttributes(attributes) })),
    links: content.links.map(({ traceId, spanId, attributes }) => ({ trace_id: base64(traceId), span_id: base64(spanId), attributes: presentAttributes(attributes) })),
    status: { code: STATUS_CODES[row.status], message: content.message },
  }
}

/** A span as MLflow's `traces.json` holds it, which is JSON text because its times are integers that no double holds. */
export function spanFileText(row: StoredSpan): string {
  const { start, end, message, attributes, events, links }: Content = JSON.parse(row.content)
  const field = (name: string, text: string) => `${JSON.stringify(name)}: ${text}`
  const eventText = events.map(({ name, timeNs, attributes: of }) => `{${field('name', JSON.stringify(name))}, ${field('time_unix_nano', timeNs)}, ${field('attributes', valuesText(of))}}`)
  const linkText = links.map(({ traceId, spanId, attributes: of }) => `{${field('trace_id', JSON.stringify(`tr-${traceId}`))}, ${field('span_id', JSON.stringify(spanId))}, ${field('attributes', valuesText(of))}}`)
  return `{${[
    field('trace_id', JSON.stringify(base64(row.trace_id.replace(/^tr-/, '')))),
    field('span_id', JSON.stringify(base64(row.span_id))),
    field('parent_span_id', row.parent_id === null ? 'null' : JSON.stringify(base64(row.parent_id))),
    field('name', JSON.stringify(row.name)),
    field('start_time_unix_nano', start),
    field('end_time_unix_nano', end ?? 'null'),
    field('events', `[${eventText.join(', ')}]`),
    field('status', JSON.stringify({ code: STATUS_CODES[row.status], message })),
    field('attributes', JSON.stringify(attributes)),
    field('links', `[${linkText.join(', ')}]`),
  ].join(', ')}}`
}

function valuesText(attributes: Attributes): string {
  return `{${Object.entries(attributes).map(([key, text]) => `${JSON.stringify(key)}: ${text}`).join(', ')}}`
}

function presentAttributes(attributes: Attributes): readonly object[] {
  return Object.entries(attributes).map(([key, text]) => ({ key, value: toProtoJson(text) }))
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

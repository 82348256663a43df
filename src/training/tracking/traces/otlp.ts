import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { MillraceError } from '../../../platform/errors/index.ts'
import { invalid } from '../../mlflow/errors.ts'
import { type JsonText, keyAndJson, keyAndValue, listOf } from './any-value.ts'
import { type Field, bytesOf, fieldsOf, numberOf, textOf } from './protobuf.ts'
import type { Attributes, Span } from './spans.ts'

/** Bytes of a request once unpacked. */
const LARGEST = 64 * 1024 * 1024
const STATUS = ['UNSET', 'OK', 'ERROR'] as const

/** The spans of an ExportTraceServiceRequest (https://opentelemetry.io/docs/specs/otlp/#otlphttp), of either content type. */
export function decodeOtlp(body: Buffer, contentType: string, encoding: string): readonly Span[] {
  const unpacked = unpack(body, encoding)
  switch (contentType.split(';')[0]?.trim().toLowerCase()) {
    case 'application/x-protobuf':
      return fromProtobuf(unpacked)
    case 'application/json':
      return fromJsonText(unpacked.toString('utf8'))
    default:
      throw invalid(`Invalid Content-Type: ${contentType}. Expected: application/x-protobuf or application/json`)
  }
}

function unpack(body: Buffer, encoding: string): Buffer {
  const options = { maxOutputLength: LARGEST }
  try {
    switch (encoding) {
      case '':
      case 'identity':
        return body
      case 'gzip':
        return gunzipSync(body, options)
      case 'deflate':
        return inflateSync(body, options)
      case 'br':
        return brotliDecompressSync(body, options)
      default:
        throw invalid(`Unsupported Content-Encoding: ${encoding}`)
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    if (error instanceof RangeError) throw new MillraceError('BODY_TOO_LARGE', `the body is larger than ${LARGEST} bytes once unpacked`, { cause: error })
    throw new MillraceError('BAD_REQUEST', `the body is not ${encoding}`, { cause: error })
  }
}

function fromProtobuf(body: Uint8Array): readonly Span[] {
  const spans: Span[] = []
  for (const resourceSpans of submessages(body, 1)) {
    const resource = submessages(resourceSpans, 1).flatMap((message) => submessages(message, 1)).map((pair) => keyAndValue(pair))
    for (const scope of submessages(resourceSpans, 2)) for (const span of submessages(scope, 2)) spans.push(spanOf(span, Object.fromEntries(resource)))
  }
  return spans
}

function submessages(message: Uint8Array, field: number): readonly Uint8Array[] {
  return [...fieldsOf(message)].filter(([number]) => number === field).map(([, value]) => bytesOf(value))
}

function spanOf(message: Uint8Array, resource: Attributes): Span {
  const fields = [...fieldsOf(message)]
  const one = <T>(field: number, read: (value: Field[1]) => T): T | undefined => {
    const found = fields.findLast(([number]) => number === field)
    return found === undefined ? undefined : read(found[1])
  }
  const all = (field: number) => fields.filter(([number]) => number === field).map(([, value]) => bytesOf(value))
  const end = one(8, numberOf) ?? 0n
  const status = [...fieldsOf(one(15, bytesOf) ?? new Uint8Array())]
  const code = Number(numberOf(status.findLast(([number]) => number === 3)?.[1] ?? 0n))
  return checked({
    traceId: one(1, hexOf) ?? '',
    spanId: one(2, hexOf) ?? '',
    parentId: one(4, hexOf) || null,
    name: one(5, textOf) ?? '',
    startNs: String(one(7, numberOf) ?? 0n),
    endNs: end === 0n ? null : String(end),
    status: STATUS[code] ?? 'UNSET',
    message: status.filter(([number]) => number === 2).map(([, value]) => textOf(value)).at(-1) ?? '',
    attributes: Object.fromEntries(all(9).map((pair) => keyAndValue(pair))),
    events: all(11).map((event) => ({
      name: first(event, 2, textOf) ?? '',
      timeNs: String(first(event, 1, numberOf) ?? 0n),
      attributes: Object.fromEntries(submessages(event, 3).map((pair) => keyAndValue(pair))),
    })),
    links: all(13).map((link) => ({
      traceId: first(link, 1, hexOf) ?? '',
      spanId: first(link, 2, hexOf) ?? '',
      attributes: Object.fromEntries(submessages(link, 4).map((pair) => keyAndValue(pair))),
    })),
    resource,
  })
}

function first<T>(message: Uint8Array, field: number, read: (value: Field[1]) => T): T | undefined {
  for (const [number, value] of fieldsOf(message)) if (number === field) return read(value)
  return undefined
}

function hexOf(value: Field[1]): string {
  return Buffer.from(bytesOf(value)).toString('hex')
}

function fromJsonText(text: string): readonly Span[] {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', 'Invalid OpenTelemetry format: the body is not JSON', { cause: error })
  }
  return children(body, 'resourceSpans', 'resource_spans').flatMap((resourceSpans) => {
    const [resource] = objects([Reflect.get(resourceSpans, 'resource')])
    const attributes = resource === undefined ? {} : attributesOf(resource)
    const scopes = children(resourceSpans, 'scopeSpans', 'scope_spans')
    return scopes.flatMap((scope) => children(scope, 'spans', 'spans').map((span) => jsonSpan(span, attributes)))
  })
}

function jsonSpan(span: object, resource: Attributes): Span {
  const [status = {}] = objects([Reflect.get(span, 'status')])
  const code: unknown = Reflect.get(status, 'code')
  const end = digits(member(span, 'endTimeUnixNano', 'end_time_unix_nano'))
  return checked({
    traceId: text(member(span, 'traceId', 'trace_id')).toLowerCase(),
    spanId: text(member(span, 'spanId', 'span_id')).toLowerCase(),
    parentId: text(member(span, 'parentSpanId', 'parent_span_id')).toLowerCase() || null,
    name: text(Reflect.get(span, 'name')),
    startNs: digits(member(span, 'startTimeUnixNano', 'start_time_unix_nano')),
    endNs: end === '0' ? null : end,
    status: STATUS.find((name, i) => code === i || code === `STATUS_CODE_${name}`) ?? 'UNSET',
    message: text(Reflect.get(status, 'message')),
    attributes: attributesOf(span),
    events: children(span, 'events', 'events').map((event) => ({ name: text(Reflect.get(event, 'name')), timeNs: digits(member(event, 'timeUnixNano', 'time_unix_nano')), attributes: attributesOf(event) })),
    links: children(span, 'links', 'links').map((link) => ({
      traceId: text(member(link, 'traceId', 'trace_id')).toLowerCase(),
      spanId: text(member(link, 'spanId', 'span_id')).toLowerCase(),
      attributes: attributesOf(link),
    })),
    resource,
  })
}

function checked(span: Span): Span {
  const refuse = (what: string) => invalid(`Cannot convert OpenTelemetry span to MLflow span: ${what}`)
  if (!/^[0-9a-f]{32}$/.test(span.traceId) || /^0+$/.test(span.traceId)) throw refuse('the trace id must be 16 bytes and not all zero')
  if (!/^[0-9a-f]{16}$/.test(span.spanId) || /^0+$/.test(span.spanId)) throw refuse('the span id must be 8 bytes and not all zero')
  if (span.parentId !== null && !/^[0-9a-f]{16}$/.test(span.parentId)) throw refuse('the parent span id must be 8 bytes')
  // Links to ids that are none are left out, as MLflow does.
  const links = span.links.filter(({ traceId, spanId }) => /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId))
  return { ...span, links }
}

function attributesOf(of: object): Readonly<Record<string, JsonText>> {
  return Object.fromEntries(listOf(Reflect.get(of, 'attributes')).map((pair) => keyAndJson(pair)))
}

function member(of: object, camel: string, snake: string): unknown {
  return Reflect.get(of, camel) ?? Reflect.get(of, snake)
}

function children(of: unknown, camel: string, snake: string): readonly object[] {
  return typeof of === 'object' && of !== null ? objects(listOf(member(of, camel, snake))) : []
}

function objects(values: readonly unknown[]): readonly object[] {
  return values.filter((value): value is object => typeof value === 'object' && value !== null)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** 64-bit integers come as text or as numbers. */
function digits(value: unknown): string {
  const given = typeof value === 'number' ? BigInt(Math.trunc(value)).toString() : text(value)
  return /^\d{1,20}$/.test(given) ? given : '0'
}

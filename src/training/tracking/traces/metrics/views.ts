import { parse } from '../any-value.ts'
import { ATTRIBUTE, METADATA } from '../keys.ts'

export const VIEWS = { TRACES: 1, SPANS: 2, ASSESSMENTS: 3 } as const
export const AGGREGATIONS = { COUNT: 1, SUM: 2, AVG: 3, PERCENTILE: 4, MIN: 5, MAX: 6 } as const
export type View = keyof typeof VIEWS
export type Aggregation = keyof typeof AGGREGATIONS

/** One trace, span or assessment, with what its metrics and dimensions are made of. */
export interface Fact {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly name: string | null
  readonly status: string | null
  readonly type: string | null
  /** Milliseconds, or an assessment's number. */
  readonly number: number | null
  /** JSON: of a trace its metadata, of a span its content, of an assessment its value. */
  readonly json: string | null
}

export interface MetricKind {
  readonly aggregations: readonly Aggregation[]
  readonly dimensions: readonly string[]
  /** What is counted or averaged; undefined where this fact has none. */
  readonly value: (fact: Fact) => number | undefined
  /** Counts different texts and not facts. */
  readonly distinct?: (fact: Fact) => string | undefined
}

const STATISTICS: readonly Aggregation[] = ['AVG', 'MIN', 'MAX', 'PERCENTILE']
const SUMMED: readonly Aggregation[] = ['SUM', ...STATISTICS]
const one = () => 1
const number = ({ number: value }: Fact) => value ?? undefined

const tokens = (key: string): MetricKind => ({ aggregations: SUMMED, dimensions: ['trace_name'], value: ({ json }) => member(member(json, METADATA.tokenUsage), key) })
const cost = (key: string): MetricKind => ({ aggregations: SUMMED, dimensions: ['span_model_name', 'span_model_provider'], value: ({ json }) => member(attribute(json, ATTRIBUTE.cost), key) })

export const METRICS: Readonly<Record<View, Readonly<Record<string, MetricKind>>>> = {
  TRACES: {
    trace_count: { aggregations: ['COUNT'], dimensions: ['trace_name', 'trace_status'], value: one },
    session_count: { aggregations: ['COUNT'], dimensions: [], value: one, distinct: ({ json }) => text(json, METADATA.session) },
    latency: { aggregations: STATISTICS, dimensions: ['trace_name'], value: number },
    ...Object.fromEntries(['input_tokens', 'output_tokens', 'total_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map((key) => [key, tokens(key)])),
  },
  SPANS: {
    span_count: { aggregations: ['COUNT'], dimensions: ['span_name', 'span_type', 'span_status', 'span_model_name', 'span_model_provider'], value: one },
    latency: { aggregations: STATISTICS, dimensions: ['span_name', 'span_status'], value: number },
    ...Object.fromEntries(['input_cost', 'output_cost', 'total_cost'].map((key) => [key, cost(key)])),
  },
  ASSESSMENTS: {
    assessment_count: { aggregations: ['COUNT'], dimensions: ['assessment_name', 'assessment_value'], value: one },
    assessment_value: { aggregations: STATISTICS, dimensions: ['assessment_name'], value: number },
  },
}

export const DIMENSIONS: Readonly<Record<string, (fact: Fact) => string | undefined>> = {
  trace_name: ({ name }) => name ?? undefined,
  trace_status: ({ status }) => status ?? undefined,
  span_name: ({ name }) => name ?? undefined,
  span_type: ({ type }) => type ?? undefined,
  span_status: ({ status }) => status ?? undefined,
  span_model_name: ({ json }) => string(attribute(json, ATTRIBUTE.model)),
  span_model_provider: ({ json }) => string(attribute(json, ATTRIBUTE.provider)),
  assessment_name: ({ name }) => name ?? undefined,
  assessment_value: ({ json }) => json ?? undefined,
}

/** The number `key` of an object, or of the object that a JSON text holds. */
function member(of: unknown, key: string): number | undefined
function member(of: unknown, key: typeof METADATA.tokenUsage): unknown
function member(of: unknown, key: string): unknown {
  const object = typeof of === 'string' ? parse(of) : of
  return typeof object === 'object' && object !== null ? Reflect.get(object, key) : undefined
}

function text(json: string | null, key: string): string | undefined {
  return string(member(json, key))
}

/** An attribute of a span's content. */
function attribute(json: string | null, key: string): unknown {
  const value: unknown = member(member(json, 'attributes'), key)
  return typeof value === 'string' ? parse(value) : undefined
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

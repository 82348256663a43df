import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { pino } from 'pino'
import type { Tracing } from './port.ts'
import { openSdk } from './sdk.ts'

export interface MemoryTracing {
  readonly tracing: Tracing
  /** Those that have ended, in the order in which they began. */
  readonly spans: () => readonly ReadableSpan[]
}

/** Traces by the real SDK, kept in memory. */
export function memoryTracing(service: string): MemoryTracing {
  const exporter = new InMemorySpanExporter()
  const tracing = openSdk({ service, project: 'test', version: '1.0.0', log: pino({ level: 'silent' }) }, new SimpleSpanProcessor(exporter))
  const began = ({ startTime: [seconds, nanos] }: ReadableSpan): number => (seconds % 1e6) * 1e9 + nanos
  return { tracing, spans: () => exporter.getFinishedSpans().toSorted((a, b) => began(a) - began(b)) }
}

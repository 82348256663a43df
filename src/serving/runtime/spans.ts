import { type ErrorCode, toMillraceError } from '../../platform/errors/index.ts'
import { type Attributes, type Span, type TraceHeaders, incomingTrace, traceIdOf } from '../../platform/tracing/index.ts'
import { type Recording, WHOLE_AND_STRICT } from '../journal/recording.ts'
import type { BatchJob, BatchRunner, Slice } from './batcher.ts'
import type { LookupTrace } from './lookup.ts'
import type { LoadedModel } from './model.ts'

/** Where a request stands in a trace. */
export interface Traced {
  /** Null where nothing is traced. */
  readonly span: Span | null
  header(name: string): string | undefined
}

/** Rows whose way through the model may be told of. */
export interface TracedJob extends BatchJob {
  readonly served: { readonly recording?: Recording }
  readonly role: 'champion' | 'shadow'
  readonly span: Span | null
  /** Seconds that they waited for the model. */
  queued: number
}

/** Of the trace that a request belongs to, for the log; undefined where it belongs to none. */
export function traceIdFor(traced: Traced): string | undefined {
  return traced.span?.traceId ?? traceIdOf(traced.header('traceparent'))
}

/** What calls on behalf of a request carry: the context that it came with, where nothing is traced. */
export function carriedBy(traced: Traced): TraceHeaders | undefined {
  return traced.span?.headers ?? incomingTrace((name) => traced.header(name))
}

/** Tells of a lookup that is about to be made for a request; `ask` gets what it is to carry. */
export function tracedLookup<T>(traced: Traced, rows: number, ask: (trace: LookupTrace | undefined) => Promise<T>): Promise<T> {
  if (!traced.span?.recording) {
    const headers = carriedBy(traced)
    return ask(headers && { headers })
  }
  const span = traced.span.child('features.lookup')
  span.set({ 'millrace.rows': rows })
  return ask({ headers: span.headers, joined: (headers) => span.link(headers) }).then((found) => {
    if (found === undefined) span.fail('UNAVAILABLE')
    span.end()
    return found
  })
}

/** The runner of a version's batches, which tells the requests in them of it: how long they waited, ran, and were being written down. */
export function tracedRunner<J extends TracedJob>(runner: BatchRunner<J>, model: LoadedModel): BatchRunner<J> {
  const { run, commit, queued } = runner
  const ran = (slices: readonly Slice<J>[], rows: number, from: number, failure?: ErrorCode): void => {
    const to = performance.now()
    for (const { job, from: first, to: end } of slices) {
      if (!job.span?.recording) continue
      job.span.record(
        'model.run',
        from,
        to,
        {
          'millrace.model': model.name,
          'millrace.version': model.version,
          'millrace.role': job.role,
          'millrace.place': model.place,
          'millrace.rows': end - first,
          'millrace.batch.rows': rows,
          'millrace.batch.requests': slices.length,
          'millrace.queue.seconds': job.queued,
        },
        failure,
      )
    }
  }
  const committed = (slices: readonly Slice<J>[], from: number, failure?: ErrorCode): void => {
    const to = performance.now()
    for (const { job, from: first, to: end } of slices) {
      if (!job.span?.recording) continue
      const attributes: Attributes = { 'millrace.rows': end - first, 'millrace.role': job.role, 'millrace.journal.mode': (job.served.recording ?? WHOLE_AND_STRICT).mode }
      job.span.record('journal.commit', from, to, attributes, failure)
    }
  }
  return {
    ...runner,
    // It may change with what the model turns out to answer.
    get maxRows() {
      return runner.maxRows
    },
    queued: (seconds, job) => {
      queued?.(seconds, job)
      job.queued = seconds
    },
    run: async (slices, rows) => {
      const from = performance.now()
      try {
        await run(slices, rows)
      } catch (error) {
        ran(slices, rows, from, toMillraceError(error).code)
        throw error
      }
      ran(slices, rows, from)
    },
    commit: (slices) => {
      const from = performance.now()
      const failed = (error: unknown): never => {
        committed(slices, from, toMillraceError(error).code)
        throw error
      }
      try {
        const settled = commit(slices)
        if (settled) return settled.then(() => committed(slices, from), failed)
      } catch (error) {
        failed(error)
      }
      committed(slices, from)
      return undefined
    },
  }
}

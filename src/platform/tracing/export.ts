import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { errorMessage } from '../errors/index.ts'
import type { Logger } from '../log/index.ts'
import { sparingly } from './sparingly.ts'

const TELL_EVERY_MS = 60_000

/** Hands spans to another exporter, and says in the log, now and then, that they were not taken; spans that were not are gone. */
export class WatchedExporter implements SpanExporter {
  readonly #inner: SpanExporter
  readonly #log: Logger
  readonly #sparingly = sparingly(TELL_EVERY_MS)
  #lost = 0

  constructor(inner: SpanExporter, log: Logger) {
    this.#inner = inner
    this.#log = log
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#inner.export(spans, ({ code, error }) => {
      if (code === ExportResultCode.SUCCESS) this.#taken()
      else this.#refused(spans.length, error)
      // Whom the processor would tell of the failure is a handler of the whole process, which writes a line each time.
      done({ code: ExportResultCode.SUCCESS })
    })
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush?.() ?? Promise.resolve()
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown()
  }

  #taken(): void {
    if (this.#lost > 0) this.#log.info({ lost: this.#lost }, 'traces are taken again')
    this.#lost = 0
  }

  #refused(spans: number, error: Error | undefined): void {
    this.#lost += spans
    this.#sparingly(() => this.#log.warn({ lost: this.#lost, reason: errorMessage(error ?? 'no reason given') }, 'the collector of traces does not take them'))
  }
}

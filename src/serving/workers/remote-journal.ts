import type { Socket } from 'node:net'
import { type ErrorCode, MillraceError } from '../../platform/errors/index.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { type Counts, FrameReader, encodeLines } from './frames.ts'

/** What was counted since it was last asked for. */
export type TakeCounts = () => Counts

/**
 * The journal as a worker has it: lines go through a pipe to the process that writes the file, and are settled when that says so. One frame is on its way at a time;
 * what comes meanwhile goes together in the next. When the pipe breaks, whatever was not answered is not known to be in the journal.
 */
export class RemoteJournal implements JournalWriter {
  readonly #pipe: Socket
  readonly #counts: TakeCounts
  #lines: Buffer[] = []
  /** Those whose lines are on their way, and those whose lines wait for that. */
  #sent: PromiseWithResolvers<void> | undefined
  #next: PromiseWithResolvers<void> | undefined
  #number = 0
  #broken = false

  constructor(pipe: Socket, counts: TakeCounts) {
    this.#pipe = pipe
    this.#counts = counts
    const reader = new FrameReader()
    pipe.on('data', (chunk: Buffer) => {
      for (const { body } of reader.read(chunk)) this.#answered(body)
    })
    pipe.on('error', () => this.#break())
    pipe.on('close', () => this.#break())
  }

  append(lines: Buffer): void {
    if (this.#broken) throw broken()
    this.#lines.push(Buffer.from(lines))
  }

  settled(): Promise<void> | undefined {
    if (this.#lines.length === 0) return this.#sent?.promise
    if (this.#sent) return (this.#next ??= Promise.withResolvers()).promise
    return this.#send(Promise.withResolvers())
  }

  /** Sends what was counted, with no line or with those that wait. */
  report(): void {
    if (this.#broken) return
    const sent = this.#sent ? (this.#next ??= Promise.withResolvers()).promise : this.#send(Promise.withResolvers())
    // Who waits for lines hears of it; counts alone cannot fail.
    sent.catch(() => undefined)
  }

  #send(group: PromiseWithResolvers<void>): Promise<void> {
    this.#sent = group
    const lines = this.#lines.length === 1 ? this.#lines[0]! : Buffer.concat(this.#lines)
    this.#lines = []
    this.#pipe.write(encodeLines(this.#number++, { counts: this.#counts(), lines }))
    return group.promise
  }

  #answered(body: Buffer): void {
    const group = this.#sent
    const next = this.#next
    this.#sent = this.#next = undefined
    if (next) void this.#send(next)
    if (body.length === 0) return group?.resolve()
    const { code, message } = JSON.parse(body.toString()) as { readonly code: ErrorCode; readonly message: string }
    group?.reject(new MillraceError(code, message))
  }

  #break(): void {
    this.#broken = true
    this.#sent?.reject(broken())
    this.#next?.reject(broken())
    this.#sent = this.#next = undefined
  }
}

function broken(): MillraceError {
  return new MillraceError('JOURNAL_FAILED', 'the process that writes the journal is gone')
}

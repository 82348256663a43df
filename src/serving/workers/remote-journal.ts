import type { Socket } from 'node:net'
import { type ErrorCode, MillraceError } from '../../platform/errors/index.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { FrameReader, encodeLines } from './frames.ts'

/** What was counted since it was last asked for, by model. */
export type TakeTally = () => Readonly<Record<string, number>>

interface Sent {
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: MillraceError) => void
}

/**
 * The journal as a worker has it: lines go through a pipe to the process that writes the file, a frame for each batch, and are settled when that says so.
 * Frames are answered in order. When the pipe breaks, whatever was not answered is not known to be in the journal.
 */
export class RemoteJournal implements JournalWriter {
  readonly #pipe: Socket
  readonly #tally: TakeTally
  readonly #sent: Sent[] = []
  #lines: Buffer[] = []
  #number = 0
  #broken = false

  constructor(pipe: Socket, tally: TakeTally) {
    this.#pipe = pipe
    this.#tally = tally
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
    if (this.#lines.length === 0) return this.#sent.at(-1)?.done
    const frame = encodeLines(this.#number++, { tally: this.#tally(), lines: this.#lines.length === 1 ? this.#lines[0]! : Buffer.concat(this.#lines) })
    this.#lines = []
    const { promise: done, resolve, reject } = Promise.withResolvers<void>()
    this.#sent.push({ done, resolve, reject })
    this.#pipe.write(frame)
    return done
  }

  #answered(body: Buffer): void {
    const sent = this.#sent.shift()
    if (body.length === 0) return sent?.resolve()
    const { code, message } = JSON.parse(body.toString()) as { readonly code: ErrorCode; readonly message: string }
    sent?.reject(new MillraceError(code, message))
  }

  #break(): void {
    this.#broken = true
    for (const { reject } of this.#sent.splice(0)) reject(broken())
  }
}

function broken(): MillraceError {
  return new MillraceError('JOURNAL_FAILED', 'the process that writes the journal is gone')
}

import type { Duplex } from 'node:stream'
import { toMillraceError } from '../../platform/errors/index.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { type Counts, FrameReader, decodeLines, encodeFrame } from './frames.ts'

export interface Counting {
  /** Predictions, in the step in which their lines are appended; see Tally. */
  readonly tally: (tally: Counts['tally']) => void
  /** What is so whether the lines can be written or not. */
  readonly observed: (counts: Counts) => void
}

/** Writes what comes through a worker's pipe to the one journal, and answers each frame when it is as durable as asked for. */
export function serveJournal(pipe: Duplex, journal: JournalWriter, counting: Counting): void {
  const reader = new FrameReader()
  const answer = (number: number, error?: unknown): void => {
    if (pipe.destroyed) return
    const known = error === undefined ? undefined : toMillraceError(error)
    pipe.write(encodeFrame(number, Buffer.from(known ? JSON.stringify({ code: known.code, message: known.message }) : '')))
  }
  /** Answers leave in the order of frames, also when one fails while another still waits for the disk. */
  let last: Promise<void> | undefined
  const inOrder = (number: number, settled: Promise<void>): void => {
    const outcome = settled.then(
      () => undefined,
      (error: unknown) => toMillraceError(error),
    )
    const mine: Promise<void> = Promise.all([outcome, last]).then(([error]) => {
      answer(number, error)
      if (last === mine) last = undefined
    })
    last = mine
  }
  pipe.on('data', (chunk: Buffer) => {
    for (const { number, body } of reader.read(chunk)) {
      try {
        const { counts, lines } = decodeLines(body)
        counting.observed(counts)
        if (lines.length > 0) journal.append(lines)
        counting.tally(counts.tally)
        const settled = lines.length > 0 ? journal.settled() : undefined
        if (settled || last) inOrder(number, settled ?? Promise.resolve())
        else answer(number)
      } catch (error) {
        if (last) inOrder(number, Promise.reject(toMillraceError(error)))
        else answer(number, error)
      }
    }
  })
  // A worker that is killed breaks its pipe; its end is told by the process itself.
  pipe.on('error', () => pipe.destroy())
}

import type { Duplex } from 'node:stream'
import { toMillraceError } from '../../platform/errors/index.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { FrameReader, decodeLines, encodeFrame } from './frames.ts'

/** Adds to what was counted, in the step in which the lines are appended; see Tally. */
export type AddTally = (model: string, predictions: number) => void

/** Writes what comes through a worker's pipe to the one journal, and answers each frame when it is as durable as asked for. */
export function serveJournal(pipe: Duplex, journal: JournalWriter, add: AddTally): void {
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
        const { tally, lines } = decodeLines(body)
        journal.append(lines)
        for (const [model, predictions] of Object.entries(tally)) add(model, predictions)
        const settled = journal.settled()
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

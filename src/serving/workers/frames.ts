import type { ArmReport } from '../rollout/counts.ts'
import type { AgreementDelta } from '../runtime/agreement.ts'

/**
 * What goes through the pipe between a worker and the process that has the journal. Frames are 8 bytes of header, little-endian: the number of the frame and the
 * length of what follows.
 */
const HEADER = 8

export interface Frame {
  readonly number: number
  readonly body: Buffer
}

export function encodeFrame(number: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const frame = Buffer.allocUnsafe(HEADER + length)
  frame.writeUInt32LE(number >>> 0, 0)
  frame.writeUInt32LE(length, 4)
  let at = HEADER
  for (const part of parts) at += part.copy(frame, at)
  return frame
}

/** Cuts a stream into frames. */
export class FrameReader {
  #rest: Buffer[] = []
  #held = 0
  /** Bytes that the frame at the head takes; not known before its header is there. */
  #wanted = HEADER

  /** The frames that end in this chunk. */
  read(chunk: Buffer): readonly Frame[] {
    this.#rest.push(chunk)
    this.#held += chunk.length
    // A large frame comes in many chunks: they are put together once, not with each.
    if (this.#held < this.#wanted) return []
    const frames: Frame[] = []
    const bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest)
    let at = 0
    this.#wanted = HEADER
    while (bytes.length - at >= HEADER) {
      const length = bytes.readUInt32LE(at + 4)
      if (bytes.length - at < HEADER + length) {
        this.#wanted = HEADER + length
        break
      }
      frames.push({ number: bytes.readUInt32LE(at), body: bytes.subarray(at + HEADER, at + HEADER + length) })
      at += HEADER + length
    }
    this.#rest = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#held = bytes.length - at
    return frames
  }
}

/** What a worker has counted since the frame before, by model where nothing else is said. */
export interface Counts {
  /** Predictions that the lines hold. */
  readonly tally: Readonly<Record<string, number>>
  readonly arms?: readonly ArmReport[]
  readonly agreements?: readonly AgreementDelta[]
}

export interface JournalFrame {
  readonly counts: Counts
  /** May be none. */
  readonly lines: Buffer
}

export function encodeLines(number: number, { counts: counted, lines }: JournalFrame): Buffer {
  const counts = Buffer.from(JSON.stringify(counted))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(counts.length)
  return encodeFrame(number, length, counts, lines)
}

export function decodeLines(body: Buffer): JournalFrame {
  const end = 4 + body.readUInt32LE(0)
  return { counts: JSON.parse(body.toString('utf8', 4, end)) as Counts, lines: body.subarray(end) }
}

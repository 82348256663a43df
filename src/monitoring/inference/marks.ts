import { createHash } from 'node:crypto'

/** A line of serving's journal that was taken over: enough to know it again. */
export interface Mark {
  /** Counts the batches that were stored, from 0. */
  readonly batch: number
  readonly start: number
  readonly end: number
  readonly digest: string
}

/** The mark of the last line of `bytes`, which are whole lines from offset `start` on. */
export function lastLineMark(bytes: Buffer, start: number): Omit<Mark, 'batch'> {
  const from = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
  return { start: start + from, end: start + bytes.length, digest: digestOf(bytes.subarray(from)) }
}

/** Whether `bytes`, read from `mark.start` on, begin with the marked line. */
export function isMarked(bytes: Buffer, mark: Mark): boolean {
  const length = mark.end - mark.start
  return bytes.length >= length && digestOf(bytes.subarray(0, length)) === mark.digest
}

/**
 * `marks`, oldest first, with the next one. Few are kept of a journal of any length: the first for ever, and of the others those whose number a high power
 * of two divides, the longer. So where the lines of the last N batches were lost, a mark is left less than 3 N batches back.
 */
export function addMark(marks: readonly Mark[], mark: Omit<Mark, 'batch'>): Mark[] {
  const last = marks.at(-1)
  const batch = last === undefined ? 0 : last.batch + 1
  return [...marks.filter((old) => old.batch === 0 || batch - old.batch <= 2 * powerOfTwoIn(old.batch)), { ...mark, batch }]
}

/** The greatest power of two that divides `n`; the bits of numbers beyond 32 bits are not those of `n & -n`. */
function powerOfTwoIn(n: number): number {
  let power = 1
  while (n % (2 * power) === 0) power *= 2
  return power
}

function digestOf(line: Buffer): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 32)
}

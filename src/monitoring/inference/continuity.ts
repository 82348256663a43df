import type { ReadJournal } from './journal-reader.ts'
import { type Mark, isMarked } from './marks.ts'

/** How serving's journal stands to what was taken over of it, up to `offset`. */
export interface Continuity {
  /**
   * `continued`: it goes on where taking over stopped. `shortened`: it lost its end, or that was written anew. `pruned`: lines that were not yet taken over are
   * gone from its beginning. `replaced`: none of its lines is known, so it is another journal, or an empty one.
   */
  readonly kind: 'continued' | 'shortened' | 'pruned' | 'replaced'
  /** Where to go on: after the last common line; the oldest line where there is none. */
  readonly at: number
  readonly head: number
  readonly epoch: string
}

/**
 * Looks for the last of `marks` (oldest first) that still stands in the journal. All that was read belongs to one process of serving: null when
 * that was started anew meanwhile.
 */
export async function checkContinuity(read: ReadJournal, offset: number, marks: readonly Mark[]): Promise<Continuity | null> {
  const { bytes, tail, head, epoch } = await read(offset, 1, 0)
  const found = (kind: Continuity['kind'], at: number): Continuity => ({ kind, at, head, epoch })
  if (offset === 0 && tail === 0) return found('continued', 0)
  let looked = false
  for (const mark of marks.toReversed()) {
    if (mark.start < tail) break
    looked = true
    if (mark.end > head) continue
    const page = await read(mark.start, mark.end - mark.start, 0)
    if (page.epoch !== epoch) return null
    if (page.bytes !== null && isMarked(page.bytes, mark)) return found(mark.end === offset ? 'continued' : 'shortened', mark.end)
  }
  if (offset < tail) return found('pruned', tail)
  if (looked || head === 0) return found('replaced', tail)
  // Every marked line was deleted from the beginning of the journal; what is left of it cannot be compared.
  return bytes === null ? found('shortened', tail) : found('continued', offset)
}

import type { RunFeed } from './feed.ts'

/** A group of runs, or all of them. */
export interface Section {
  readonly id: string
  /** Above its rows; absent where runs are not grouped. */
  readonly title: string | undefined
  /** How many runs it has, where that is known. */
  readonly total: number | undefined
  /** Absent while the group is closed. */
  readonly feed: RunFeed | undefined
}

export type Item =
  | { readonly type: 'head'; readonly section: Section }
  | { readonly type: 'run'; readonly section: Section; readonly feed: RunFeed; readonly row: number }

/** Rows that wait for their page, so that there is somewhere to scroll to. */
const AHEAD = 100

/** How many rows a section takes: those known, and a few that are still to come. */
function lengthOf({ title, feed, total }: Section): number {
  const head = title === undefined ? 0 : 1
  if (feed === undefined) return head
  if (feed.done) return head + feed.count
  return head + (feed.error === undefined ? Math.max(feed.count, Math.min(total ?? Number.POSITIVE_INFINITY, feed.count + AHEAD)) : feed.count)
}

/** The rows of all sections as one list. */
export class Rows {
  readonly sections: readonly Section[]
  readonly #starts: readonly number[]
  readonly length: number

  constructor(sections: readonly Section[]) {
    this.sections = sections
    const starts: number[] = []
    let length = 0
    for (const section of sections) {
      starts.push(length)
      length += lengthOf(section)
    }
    this.#starts = starts
    this.length = length
  }

  at(index: number): Item | undefined {
    const found = this.#find(index)
    if (found === undefined) return undefined
    const { section, start } = found
    const row = index - start - (section.title === undefined ? 0 : 1)
    if (row < 0) return { type: 'head', section }
    return section.feed === undefined ? undefined : { type: 'run', section, feed: section.feed, row }
  }

  /** Asks for what is shown from `start` to before `end`. */
  ensure(start: number, end: number): void {
    for (const [i, section] of this.sections.entries()) {
      const first = (this.#starts[i] ?? 0) + (section.title === undefined ? 0 : 1)
      const after = this.#starts[i + 1] ?? this.length
      if (section.feed !== undefined && first < end && after > start) section.feed.ensure(Math.max(0, start - first), Math.min(after, end) - first)
    }
  }

  #find(index: number): { readonly section: Section; readonly start: number } | undefined {
    if (index < 0 || index >= this.length) return undefined
    const i = this.#starts.findLastIndex((start) => start <= index)
    const section = this.sections[i]
    return section === undefined ? undefined : { section, start: this.#starts[i] ?? 0 }
  }
}

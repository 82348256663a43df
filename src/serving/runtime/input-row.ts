type Row = Readonly<Record<string, unknown>>

/** Characters of JSON that a row may have beside those of the model's own columns, and what is allowed for each of these before they are counted. */
const EXTRA = 1024
const PER_COLUMN = 64

/**
 * What the journal keeps of a raw row: its JSON, followed by the member `left_out`, a count, where columns were left out. Values that are not scalars are; and of a
 * row that is longer than EXTRA plus PER_COLUMN for each of `known` (the columns that the model can use, which are kept whatever they hold) the columns
 * that no longer fit into EXTRA. So a caller's own columns come back in the journal, and cannot fill the disk.
 */
export function createRowWriter(known: readonly string[]): (row: Row) => string {
  const ours: ReadonlySet<string> = new Set(known)
  const plenty = EXTRA + PER_COLUMN * ours.size

  const bounded = (row: Row): string => {
    const kept: string[] = []
    let room = EXTRA
    let leftOut = 0
    for (const [name, value] of Object.entries(row)) {
      if (value === undefined) continue
      const text = typeof value === 'object' && value !== null ? undefined : `${JSON.stringify(name)}:${JSON.stringify(value)}`
      const extra = ours.has(name) ? 0 : (text?.length ?? 0)
      if (text === undefined || extra > room) leftOut++
      else kept.push(text)
      if (extra <= room) room -= extra
    }
    return `{${kept.join(',')}}${leftOut === 0 ? '' : `,"left_out":${leftOut}`}`
  }

  return (row) => {
    for (const name in row) {
      const value = row[name]
      if (typeof value === 'object' && value !== null) return bounded(row)
    }
    const text = JSON.stringify(row)
    return text.length <= plenty ? text : bounded(row)
  }
}

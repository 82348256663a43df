import type { ColumnId } from '../tracking/keys.ts'

/** CSS pixels. */
export const ROW = 34
export const HEAD = 46
/** The name of the run, which stays while the rest scrolls. */
export const FIRST = 290

/** A column in view. */
export interface Cell {
  readonly column: ColumnId
  readonly index: number
  readonly left: number
  readonly width: number
}

/** Row -1 is the row of heads, column 0 the name of the run. */
export const cellId = (row: number, column: number): string => `cell-${row}-${column}`

import type { Scalar } from '../../../api/serving.ts'

/** One pushed row. `entity` is the join key's value as text; `rowKey` tells rows of one entity and moment apart and is empty where there is one. */
export interface OnlineRow {
  readonly entity: string
  /** Milliseconds since 1970. */
  readonly time: number
  readonly rowKey: string
  readonly values: Readonly<Record<string, Scalar>>
}

/**
 * The port of the online store: the durable rows behind the features service, which answers from memory and asks the store only at start.
 *
 * Contract that every driver keeps (`contract.ts` is its suite):
 * - `write` is atomic and durable: when it resolves, all its rows survive the death of the process; when it throws, none of them is there.
 *   A row with the view, entity, time and row key of an earlier one replaces it; within one call the last one wins.
 * - `load` gives every row of the view once: by entity, then ascending time, then row key.
 * - `prune` removes the rows before `before` (milliseconds). With `keepNewest` each entity keeps the newest of those. It may be repeated.
 * - Views do not see one another's rows; a view that was never written is empty.
 */
export interface OnlineStore {
  write(view: string, rows: readonly OnlineRow[]): Promise<void>
  load(view: string): AsyncIterable<OnlineRow>
  prune(view: string, before: number, keepNewest: boolean): Promise<void>
}

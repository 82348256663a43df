import { MillraceError } from '../../platform/errors/index.ts'
import { badRequest } from './shapes.ts'

/** Columns of one request, those included that no model knows. Each costs an array, however little is in it. */
const MOST_COLUMNS = 100_000
/** Values of a request by rows, each of which is a cell of a row in the end: some tens of megabytes. A byte of a body is a value at most, so JSON of 2 MiB has hardly more. */
const MOST_CELLS = 2 ** 20

/** Texts in raw tensors: each costs a quarter of a microsecond, and may be empty. JSON of 2 MiB has hardly more. */
const MOST_TEXTS = 2 ** 19

/** The same refusal as `Entrance.check` gives, before rows are made. BODY_TOO_LARGE. */
export function refuseRows(rows: number, maxRows: number): void {
  if (rows > maxRows) throw new MillraceError('BODY_TOO_LARGE', `the request has ${rows} rows; the model takes ${maxRows} at most`)
}

/** Counts what is to become rows before it does, of one request: a width or a length can be claimed in a few bytes. BAD_REQUEST beyond what any request needs. */
export class CellCount {
  #columns = 0
  #cells = 0

  add(rows: number, columns: number, where: string): void {
    this.#columns += columns
    this.#cells += rows * columns
    if (this.#columns > MOST_COLUMNS) throw badRequest(`${where}: the request has ${this.#columns} columns, expected ${MOST_COLUMNS} columns at most`)
    if (this.#cells > MOST_CELLS) throw badRequest(`${where}: the request has ${this.#cells} values, expected ${MOST_CELLS} at most: send fewer rows at a time, or the model's own tensors`)
  }
}

/** Counts the elements of BYTES tensors of one request. BAD_REQUEST beyond what any request needs. */
export class TextCount {
  #texts = 0

  add(count: number, where: string): void {
    this.#texts += count
    if (this.#texts > MOST_TEXTS) throw badRequest(`${where}: the request has ${this.#texts} texts, expected ${MOST_TEXTS} at most`)
  }
}

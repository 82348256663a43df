import { MillraceError } from '../../platform/errors/index.ts'
import { badRequest } from './shapes.ts'

/** Columns of one request, those included that no model knows. Each costs an array, however little is in it. */
const MOST_COLUMNS = 100_000
/** Values of a request by rows, each of which is a cell of a row in the end: some tens of megabytes. A byte of a body is a value at most, so JSON of 2 MiB has hardly more. */
const MOST_CELLS = 2 ** 20

/** Bytes of BYTES tensors: each element is a text of its own, may be empty, and goes into the journal, where a byte may take six. */
const MOST_TEXT = 2 * 1024 * 1024

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

/** Counts the bytes of raw text of one request. BAD_REQUEST beyond what any request needs. */
export class TextCount {
  #bytes = 0

  add(bytes: number, where: string): void {
    this.#bytes += bytes
    if (this.#bytes > MOST_TEXT) throw badRequest(`${where}: the request has ${this.#bytes} bytes of BYTES tensors, expected ${MOST_TEXT} at most`)
  }
}

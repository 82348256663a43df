import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Statement, Value } from './statement.ts'

interface Prepared {
  readonly statement: StatementSync
  readonly reads: boolean
}

/** The prepared statements of one connection. They run to their end within one turn of the event loop. */
export class SqliteStatements {
  readonly #connection: DatabaseSync
  readonly #prepared = new Map<object, Prepared>()

  constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  run<Row extends readonly Value[]>(statement: Statement<Row>, rows: readonly (readonly Value[])[]): readonly Row[] {
    const { statement: prepared, reads } = this.#prepare(statement)
    if (!reads) {
      for (const row of rows) prepared.run(...row)
      return []
    }
    // What comes back are lists, since setReturnArrays; the types of Node know only records.
    const [first] = rows
    const all = (row: readonly Value[]): readonly Row[] => prepared.all(...row) as readonly unknown[] as readonly Row[]
    return rows.length === 1 && first !== undefined ? all(first) : rows.flatMap(all)
  }

  #prepare<Row extends readonly Value[]>(statement: Statement<Row>): Prepared {
    const known = this.#prepared.get(statement)
    if (known !== undefined) return known
    const columns = Object.keys(statement.given)
    const text = statement.text
      .replace('{given}', `(select ${columns.map((column) => `? as ${column}`).join(', ')}) as given`)
      .replace('{rows}', `values (${columns.map(() => '?').join(', ')})`)
      .replace(/ for update\b/, '')
    const prepared = this.#connection.prepare(text)
    prepared.setReturnArrays(true)
    const entry = { statement: prepared, reads: prepared.columns().length > 0 }
    this.#prepared.set(statement, entry)
    return entry
  }
}

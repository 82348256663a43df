import { CompiledQuery, type Kysely, type PostgresCursor, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import type { Statement, Value } from './statement.ts'

/** The prepared statements of all connections of a pool: each connection prepares one, under its name, when it first runs it. */
export class PostgresStatements {
  readonly #texts = new Map<object, string>()
  readonly #names = new Map<string, string>()
  readonly #clients = new WeakMap<PoolClient, PostgresPoolClient>()

  async run<S, Row extends readonly Value[]>(on: Kysely<S>, statement: Statement<Row>, rows: readonly (readonly Value[])[]): Promise<readonly Row[]> {
    if (rows.length === 0) return []
    const columns = Object.keys(statement.given).map((_, i) => rows.map((row) => row[i] ?? null))
    const result = await on.executeQuery<Row>(CompiledQuery.raw(this.#text(statement), columns))
    return result.rows
  }

  /** `pool`, whose clients prepare the statements that were run through `run`, and give their rows as lists. */
  prepareOn(pool: Pool): PostgresPool {
    return { ...this.#adapt(pool), options: pool.options }
  }

  #adapt(pool: Pool): Pick<PostgresPool, 'connect' | 'end'> {
    return {
      connect: async () => {
        const client = await pool.connect()
        const known = this.#clients.get(client) ?? this.#client(client)
        this.#clients.set(client, known)
        return known
      },
      end: () => pool.end(),
    }
  }

  #client(client: PoolClient): PostgresPoolClient {
    const names = this.#names
    function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
    function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
    function query(text: string | PostgresCursor<unknown>, parameters: readonly unknown[] = []): Promise<unknown> | PostgresCursor<unknown> {
      if (typeof text !== 'string') throw new TypeError('this driver was given no cursors')
      const name = names.get(text)
      return name === undefined ? client.query(text, [...parameters]) : client.query({ name, text, values: [...parameters], rowMode: 'array' })
    }
    return { query, release: (destroy) => client.release(destroy) }
  }

  #text<Row extends readonly Value[]>(statement: Statement<Row>): string {
    const known = this.#texts.get(statement)
    if (known !== undefined) return known
    const entries = Object.entries(statement.given)
    const given = `unnest(${entries.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ')}) as given(${entries.map(([column]) => column).join(', ')})`
    const text = statement.text.replace('{given}', given).replace('{rows}', `select * from ${given}`)
    this.#texts.set(statement, text)
    this.#names.set(text, `millrace_${this.#names.size + 1}`)
    return text
  }
}

import { type Kysely, sql } from 'kysely'
import type { Scalar } from '../../../api/serving.ts'
import type { Database, Migration } from '../../../platform/db/index.ts'
import type { OnlineRow, OnlineStore } from './store.ts'

export interface OnlineSchema {
  online_rows: { view_name: string; entity: string; event_time: number; row_key: string; row_values: string }
}

export const onlineRowsMigration: Migration = {
  name: '002-online-rows',
  up: async (db) => {
    await db.schema
      .createTable('online_rows')
      .addColumn('view_name', 'text', (c) => c.notNull())
      .addColumn('entity', 'text', (c) => c.notNull())
      .addColumn('event_time', 'bigint', (c) => c.notNull())
      .addColumn('row_key', 'text', (c) => c.notNull())
      .addColumn('row_values', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('online_rows_pk', ['view_name', 'entity', 'event_time', 'row_key'])
      .execute()
    await db.schema.createIndex('online_rows_by_time').on('online_rows').columns(['view_name', 'event_time']).execute()
  },
}

/** Bound parameters of one statement stay far below the limits of both databases. */
const ROWS_PER_STATEMENT = 200
const ROWS_PER_PAGE = 5000

/** The online store in the service's own database, SQLite or PostgreSQL. */
export class DatabaseOnlineStore<S extends OnlineSchema> implements OnlineStore {
  readonly #db: Database<S>

  constructor(db: Database<S>) {
    this.#db = db
  }

  async write(view: string, rows: readonly OnlineRow[]): Promise<void> {
    // One statement may not touch a row twice, so what the call itself corrects is settled before.
    const last = new Map(rows.map((row) => [JSON.stringify([row.entity, row.time, row.rowKey]), row]))
    const records = [...last.values()].map(({ entity, time, rowKey, values }) => ({
      view_name: view,
      entity,
      event_time: time,
      row_key: rowKey,
      row_values: JSON.stringify(values),
    }))
    await this.#db.transaction(async (trx) => {
      for (let at = 0; at < records.length; at += ROWS_PER_STATEMENT) {
        await tables(trx)
          .insertInto('online_rows')
          .values(records.slice(at, at + ROWS_PER_STATEMENT))
          .onConflict((c) => c.columns(['view_name', 'entity', 'event_time', 'row_key']).doUpdateSet((e) => ({ row_values: e.ref('excluded.row_values') })))
          .execute()
      }
    })
  }

  async *load(view: string): AsyncGenerator<OnlineRow> {
    let after: { entity: string; event_time: number; row_key: string } | undefined
    for (;;) {
      let query = tables(this.#db.kysely)
        .selectFrom('online_rows')
        .select(['entity', 'event_time', 'row_key', 'row_values'])
        .where('view_name', '=', view)
        .orderBy('entity')
        .orderBy('event_time')
        .orderBy('row_key')
        .limit(ROWS_PER_PAGE)
      if (after !== undefined) {
        query = query.where(sql<boolean>`(entity, event_time, row_key) > (${after.entity}, ${after.event_time}, ${after.row_key})`)
      }
      const rows = await query.execute()
      for (const { entity, event_time, row_key, row_values } of rows) {
        yield { entity, time: event_time, rowKey: row_key, values: parseValues(row_values) }
      }
      after = rows.at(-1)
      if (after === undefined || rows.length < ROWS_PER_PAGE) return
    }
  }

  async prune(view: string, before: number, keepNewest: boolean): Promise<void> {
    let query = tables(this.#db.kysely).deleteFrom('online_rows').where('view_name', '=', view).where('event_time', '<', before)
    if (keepNewest) {
      query = query.where((e) =>
        e.exists(
          e
            .selectFrom('online_rows as later')
            .select('later.entity')
            .whereRef('later.view_name', '=', 'online_rows.view_name')
            .whereRef('later.entity', '=', 'online_rows.entity')
            .whereRef('later.event_time', '>', 'online_rows.event_time')
            .where('later.event_time', '<', before),
        ),
      )
    }
    await query.execute()
  }
}

function parseValues(text: string): Record<string, Scalar> {
  return JSON.parse(text)
}

/** Kysely's types are invariant in the schema, though a database that knows more tables can do all that one knowing fewer can. */
function tables<S extends OnlineSchema>(db: Kysely<S>): Kysely<OnlineSchema> {
  return db as Kysely<OnlineSchema | S> as Kysely<OnlineSchema>
}

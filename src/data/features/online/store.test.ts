import { createEventsTables, type EventsSchema } from '../../../platform/events/outbox.ts'
import { openDatabase } from '../../../platform/db/index.ts'
import { onlineStoreContract } from './contract.ts'
import { DatabaseOnlineStore, type OnlineSchema, onlineRowsMigration } from './database-store.ts'
import { MemoryOnlineStore } from './memory-store.ts'

onlineStoreContract('memory', async () => ({ store: new MemoryOnlineStore(), close: async () => undefined }))

onlineStoreContract('database on SQLite', async () => {
  const db = await openDatabase<OnlineSchema & EventsSchema>({
    url: 'sqlite::memory:',
    schema: 'features',
    migrations: [{ name: '001-events', up: createEventsTables }, onlineRowsMigration],
  })
  return { store: new DatabaseOnlineStore(db), close: () => db.close() }
})

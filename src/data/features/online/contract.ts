import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OnlineRow, OnlineStore } from './store.ts'

/** What every driver of the online store promises. `open` gives an empty store and what closes it. */
export function onlineStoreContract(driver: string, open: () => Promise<{ store: OnlineStore; close: () => Promise<void> }>): void {
  const row = (entity: string, time: number, rowKey = '', value: number | null = time): OnlineRow => ({ entity, time, rowKey, values: { value, text: 'é😀' } })
  const all = async (store: OnlineStore, view = 'v'): Promise<OnlineRow[]> => Array.fromAsync(store.load(view))
  const on = (name: string, work: (store: OnlineStore) => Promise<void>): void => {
    test(`${driver}: ${name}`, async () => {
      const { store, close } = await open()
      try {
        await work(store)
      } finally {
        await close()
      }
    })
  }

  on('rows come back as they went in, by entity, time and row key', async (store) => {
    const rows = [row('LGA', 1_764_000_000_123), row('EWR', 7, 'b'), row('EWR', 7, 'a', null), row('EWR', -3)]
    await store.write('v', rows)
    assert.deepEqual(await all(store), [rows[3], rows[2], rows[1], rows[0]])
  })

  on('a view that was never written is empty, and views do not mix', async (store) => {
    await store.write('v', [row('EWR', 1)])
    assert.deepEqual(await all(store, 'other'), [])
  })

  on('a row of the same entity, moment and row key replaces the earlier one; the last of one call wins', async (store) => {
    await store.write('v', [row('EWR', 1, '', 10)])
    await store.write('v', [row('EWR', 1, '', 11), row('EWR', 1, '', 12)])
    assert.deepEqual(await all(store), [row('EWR', 1, '', 12)])
  })

  on('more rows than one statement or one page holds are all there', async (store) => {
    const rows = Array.from({ length: 11_000 }, (_, i) => row(`e${i % 3}`, i))
    await store.write('v', rows)
    const found = await all(store)
    assert.equal(found.length, rows.length)
    assert.equal(new Set(found.map(({ time }) => time)).size, rows.length)
  })

  on('pruning removes what is before the moment and nothing of it or after', async (store) => {
    await store.write('v', [row('EWR', 1), row('EWR', 2), row('EWR', 3), row('LGA', 1)])
    await store.write('w', [row('EWR', 1)])
    await store.prune('v', 2, false)
    await store.prune('v', 2, false)
    assert.deepEqual(await all(store), [row('EWR', 2), row('EWR', 3)])
    assert.equal((await all(store, 'w')).length, 1)
  })

  on('pruning that keeps the newest leaves each entity its last row before the moment', async (store) => {
    await store.write('v', [row('EWR', 1), row('EWR', 2), row('EWR', 9), row('LGA', 1)])
    await store.prune('v', 5, true)
    assert.deepEqual(await all(store), [row('EWR', 2), row('EWR', 9), row('LGA', 1)])
  })
}

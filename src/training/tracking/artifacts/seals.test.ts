import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { memoryBlobs } from '../../../platform/blobs/index.ts'
import { openDatabase } from '../../../platform/db/index.ts'
import { migrations } from '../../migrations.ts'
import type { TrackingSchema } from '../../tables.ts'
import { Seals } from './seals.ts'

async function* parts(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) {
    await turn()
    yield Buffer.from(text)
  }
}

async function contents(blobs: ReturnType<typeof memoryBlobs>, folder: string): Promise<string> {
  const found: string[] = []
  for (const { name } of await blobs.list(folder)) {
    for await (const part of (await blobs.get(`${folder}/${name}`)).body) found.push(`${name}=${String(part)}`)
  }
  return found.join(' ')
}

test('while files are read nothing there changes, whenever puts and deletes begin, and nothing else waits', async () => {
  const db = await openDatabase<TrackingSchema>({ url: 'sqlite::memory:', schema: 'tracking', migrations })
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ name: fc.constantFrom('a', 'b'), kind: fc.constantFrom('stream', 'bytes', 'delete'), wait: fc.nat(4) }), { maxLength: 6 }), fc.nat(4), async (changes, when) => {
        const seals = new Seals(db)
        const store = memoryBlobs()
        const blobs = seals.guard(store)
        await store.put('m/a', Buffer.from('old'))
        const made = changes.map(async ({ name, kind, wait }, i) => {
          for (let n = 0; n < wait; n++) await turn()
          if (kind === 'delete') await blobs.delete(`m/${name}`)
          else await blobs.put(`m/${name}`, kind === 'bytes' ? Buffer.from(`${i}`) : parts(`${i}`, '…'))
        })
        for (let n = 0; n < when; n++) await turn()
        await seals.whileStill('m', async () => {
          const before = await contents(store, 'm')
          for (let n = 0; n < 6; n++) await turn()
          await blobs.put('n/a', parts('elsewhere'))
          assert.equal(await contents(store, 'm'), before)
        })
        await Promise.all(made)
      }),
      { numRuns: 60 },
    )
  } finally {
    await db.close()
  }
})

test('of readers of one place, one reads at a time; after one that fails the next goes on', async () => {
  const db = await openDatabase<TrackingSchema>({ url: 'sqlite::memory:', schema: 'tracking', migrations })
  try {
    const seals = new Seals(db)
    let reading = 0
    const read = (fails: boolean) => async () => {
      assert.equal(++reading, 1)
      await turn()
      reading--
      if (fails) throw new Error('unreadable')
    }
    const ends = await Promise.allSettled([true, false, false, true, false].map((fails, i) => seals.whileStill(i % 2 === 0 ? 'm' : 'm/deep', read(fails))))
    assert.deepEqual(ends.map(({ status }) => status), ['rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  } finally {
    await db.close()
  }
})

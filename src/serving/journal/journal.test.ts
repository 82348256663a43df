import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { LineBuffer, isWholeLine } from './format.ts'
import { Journal, type JournalOptions } from './journal.ts'
import type { Recovery } from './recover.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (options: Partial<JournalOptions> = {}) => Journal.open({ folder, durability: 'process', ...options })
const segments = () => readdirSync(folder).filter((name) => name.endsWith('.ndjson')).sort()

function lines(...ids: readonly string[]): Buffer {
  const buffer = new LineBuffer(64)
  for (const id of ids) buffer.add(`{"id":${JSON.stringify(id)}`)
  return Buffer.from(buffer.view())
}

async function readAll(journal: Journal, limit = 1024): Promise<string[]> {
  const ids: string[] = []
  for (let after = journal.tail; ; ) {
    const page = await journal.read(after, limit)
    if (page.bytes.length === 0) return ids
    for (const line of page.bytes.toString().trimEnd().split('\n')) ids.push((JSON.parse(line) as { id: string }).id)
    after = page.next
  }
}

describe('the journal’s format', () => {
  test('every line is JSON that carries its own check, whatever text it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (ids) => {
        const text = lines(...ids).toString()
        const found = text.trimEnd().split('\n')
        assert.deepEqual(found.map((line) => JSON.parse(line).id), ids.map((id) => JSON.parse(JSON.stringify(id))))
        for (const line of found) assert.ok(isWholeLine(Buffer.from(`${line}\n`)))
      }),
    )
  })

  test('a line with any one byte changed is not whole', () => {
    const line = lines('a request, and its “answer”')
    for (let i = 0; i < line.length; i++) {
      const changed = Buffer.from(line)
      changed[i] = (changed[i] ?? 0) ^ 1
      assert.equal(isWholeLine(changed), false, `byte ${i}`)
    }
  })
})

describe('the journal', () => {
  test('gives back what was appended, page by page, whatever the size of pages and segments', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 500 }),
        async (batches, limit, segmentBytes) => {
          rmSync(folder, { recursive: true, force: true })
          const journal = open({ segmentBytes })
          for (const batch of batches) journal.append(lines(...batch))
          assert.deepEqual(await readAll(journal, limit), batches.flat())
          journal.close()
          const again = open({ segmentBytes })
          assert.deepEqual(await readAll(again, limit), batches.flat())
          again.close()
        },
      ),
      { numRuns: 50 },
    )
  })

  test('cut anywhere, it starts again with all whole lines and goes on after them', async () => {
    const ids = ['a', 'b', 'c']
    const whole = lines(...ids)
    for (let cut = 0; cut <= whole.length; cut += 4) {
      rmSync(folder, { recursive: true, force: true })
      const before = open()
      before.append(whole)
      before.close()
      truncateSync(join(folder, segments()[0] ?? ''), cut)
      const recoveries: Recovery[] = []
      const journal = open({ onRecovery: (recovery) => recoveries.push(recovery) })
      const kept = Math.floor(cut / (whole.length / ids.length))
      const torn = cut % (whole.length / ids.length)
      assert.equal(recoveries[0]?.cut ?? 0, torn)
      journal.append(lines('d'))
      assert.deepEqual(await readAll(journal), [...ids.slice(0, kept), 'd'])
      journal.close()
    }
  })

  test('rubbish behind the last line is set aside, not lost and not read', async () => {
    const before = open()
    before.append(lines('a'))
    before.close()
    const [name = ''] = segments()
    const at = statSync(join(folder, name)).size
    appendFileSync(join(folder, name), '{"id":"half')
    const journal = open()
    assert.deepEqual(await readAll(journal), ['a'])
    assert.equal(readFileSync(join(folder, `${name}.${at}.torn`), 'utf8'), '{"id":"half')
    journal.close()
  })

  test('a damaged line in the middle is told apart from a torn end', () => {
    const before = open()
    before.append(lines('a', 'b', 'c'))
    before.close()
    const file = join(folder, segments()[0] ?? '')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"b"', '"x"'))
    const recoveries: Recovery[] = []
    open({ onRecovery: (recovery) => recoveries.push(recovery) }).close()
    assert.equal(recoveries[0]?.damaged, true)
  })

  test('segments are named by the offset at which they begin', () => {
    const journal = open({ segmentBytes: 1 })
    const size = lines('a').length
    for (const id of ['a', 'b', 'c']) journal.append(lines(id))
    assert.deepEqual(segments(), [0, size, 2 * size].map((start) => `${String(start).padStart(20, '0')}.ndjson`))
    journal.close()
  })

  test('a batch that the disk takes in part is refused whole, and the next one finds its place when there is room again', async () => {
    let room = 100
    const write = (fd: number, bytes: Buffer, from: number): number => {
      if (room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      const written = writeSync(fd, bytes, from, Math.min(room, bytes.length - from))
      room -= written
      return written
    }
    const journal = open({ write })
    journal.append(lines('a'))
    const { head } = journal
    assert.throws(() => journal.append(lines('b', 'c', 'd')), { code: 'DISK_FULL', message: /no space/ })
    assert.equal(journal.head, head)
    assert.deepEqual(await readAll(journal), ['a'])
    room = 1000
    journal.append(lines('e'))
    assert.deepEqual(await readAll(journal), ['a', 'e'])
    journal.close()
    assert.deepEqual(await readAll(open()), ['a', 'e'])
  })

  test('offsets that are no line’s are refused', async () => {
    const journal = open()
    journal.append(lines('a', 'b'))
    await assert.rejects(journal.read(3, 100), { code: 'BAD_REQUEST', message: /not the offset of a line/ })
    await assert.rejects(journal.read(10_000, 100), { code: 'BAD_REQUEST', message: /beyond the head/ })
    journal.close()
  })

  test('a reader that waits is woken by the next line', async () => {
    const journal = open()
    const woken = journal.waitBeyond(0, 10_000)
    journal.append(lines('a'))
    await woken
    await journal.waitBeyond(0, 10_000)
    journal.close()
  })

  test('with durability `power`, what was appended before is settled together', async () => {
    const journal = open({ durability: 'power', segmentBytes: 100 })
    const settled: (Promise<void> | undefined)[] = []
    for (let i = 0; i < 20; i++) {
      journal.append(lines(`line ${i}`))
      settled.push(journal.settled())
    }
    assert.ok(settled.every((one) => one !== undefined))
    assert.ok(new Set(settled).size < 20, 'several appends share a sync')
    await Promise.all(settled)
    journal.close()
    assert.equal((await readAll(open())).length, 20)
  })
})

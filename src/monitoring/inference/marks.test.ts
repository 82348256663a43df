import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Continuity, checkContinuity } from './continuity.ts'
import type { ReadJournal } from './journal-reader.ts'
import { type Mark, addMark, isMarked, lastLineMark } from './marks.ts'

const BATCH = 10

/** The marks after `count` batches of ten bytes each. */
function marksAfter(count: number): Mark[] {
  let marks: Mark[] = []
  for (let i = 1; i <= count; i++) marks = addMark(marks, { start: i * BATCH - 1, end: i * BATCH, digest: String(i) })
  return marks
}

test('wherever a journal was cut, a mark stands before it at a distance less than three times the loss, though few are kept', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3000 }), fc.nat(), (count, any) => {
      const marks = marksAfter(count)
      assert.ok(marks.length <= 2 * Math.log2(count) + 3, `${marks.length} of ${count}`)
      assert.deepEqual([marks[0]?.end, marks.at(-1)?.end], [BATCH, count * BATCH])
      const lost = 1 + (any % (count - 1))
      const kept = marks.findLast((mark) => mark.end <= (count - lost) * BATCH)
      assert.ok(kept && count * BATCH - kept.end < Math.max(3 * lost, 2) * BATCH, `${lost} of ${count} lost: ${kept?.end}`)
    }),
    { numRuns: 300 },
  )
})

/** A journal that begins at offset `tail`, as serving gives it out. */
function journal(text: string, tail = 0): ReadJournal {
  const bytes = Buffer.from(text)
  const head = tail + bytes.length
  return async (after, limit) => {
    const from = after - tail
    const begins = from >= 0 && from <= bytes.length && (from === 0 || bytes[from - 1] === 10)
    if (!begins) return { bytes: null, tail, head, epoch: 'e' }
    let end = from
    while (end < bytes.length && (end === from || end - from < limit)) end = bytes.indexOf(10, end) + 1
    return { bytes: bytes.subarray(from, end), tail, head, epoch: 'e' }
  }
}

/** One batch a line. */
function taken(text: string): { offset: number; marks: Mark[] } {
  let marks: Mark[] = []
  let offset = 0
  for (const line of text.split(/(?<=\n)/).filter((one) => one !== '')) {
    marks = addMark(marks, lastLineMark(Buffer.from(line), offset))
    offset += line.length
  }
  return { offset, marks }
}

const cases: readonly { name: string; had: string; has: ReadJournal; found: readonly [Continuity['kind'], number] }[] = [
  { name: 'nothing yet, on either side', had: '', has: journal(''), found: ['continued', 0] },
  { name: 'nothing taken over yet', had: '', has: journal('a\nb\n'), found: ['continued', 0] },
  { name: 'the same', had: 'a\nb\n', has: journal('a\nb\n'), found: ['continued', 4] },
  { name: 'longer', had: 'a\nb\n', has: journal('a\nb\nc\n'), found: ['continued', 4] },
  { name: 'its end cut off', had: 'a\nb\nc\n', has: journal('a\nb\n'), found: ['shortened', 4] },
  { name: 'its end cut off and another written, to the same length', had: 'a\nb\nc\n', has: journal('a\nb\nx\n'), found: ['shortened', 4] },
  { name: 'its end cut off and another written, beyond it', had: 'a\nb\nc\n', has: journal('a\nlong\nlonger\n'), found: ['shortened', 2] },
  { name: 'its end written anew, with no line where taking over stopped', had: 'a\nb\nc\n', has: journal('a\nb\nxxxxxx\n'), found: ['shortened', 4] },
  { name: 'empty', had: 'a\nb\n', has: journal(''), found: ['replaced', 0] },
  { name: 'another, longer one', had: 'a\nb\n', has: journal('x\ny\nz\n'), found: ['replaced', 0] },
  { name: 'another, shorter than its first batch', had: 'aaaa\nb\n', has: journal('x\n'), found: ['replaced', 0] },
  { name: 'its beginning deleted, all of which was known', had: 'a\nb\nc\n', has: journal('c\nd\n', 4), found: ['continued', 6] },
  { name: 'its beginning deleted up to where taking over stopped', had: 'a\nb\n', has: journal('c\n', 4), found: ['continued', 4] },
  { name: 'its beginning deleted, with lines that were not yet known', had: 'a\nb\n', has: journal('d\n', 6), found: ['pruned', 6] },
  { name: 'its beginning deleted before the first look', had: '', has: journal('d\n', 6), found: ['pruned', 6] },
]
for (const { name, had, has, found } of cases) {
  test(`a journal is ${found[0]}, to be read on at ${found[1]}: ${name}`, async () => {
    const { offset, marks } = taken(had)
    const { kind, at } = (await checkContinuity(has, offset, marks)) ?? {}
    assert.deepEqual([kind, at], found)
  })
}

test('what two processes of serving answered is not put together', async () => {
  let epoch = 0
  const read = journal('a\nb\n')
  const { offset, marks } = taken('a\nb\n')
  assert.equal(await checkContinuity(async (...args) => ({ ...(await read(...args)), epoch: String(epoch++) }), offset, marks), null)
})

test('a marked line is known again by all of its bytes', () => {
  const mark = { batch: 0, ...lastLineMark(Buffer.from('first\nsecond\n'), 100) }
  assert.deepEqual([mark.start, mark.end], [106, 113])
  assert.equal(isMarked(Buffer.from('second\nthird\n'), mark), true)
  for (const other of ['second', 'secoNd\n', 'seconds\n', '']) assert.equal(isMarked(Buffer.from(other), mark), false, other)
})

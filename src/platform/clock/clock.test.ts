import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SimulatedClock } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-clock-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const may = new Date('2013-05-01T00:00:00Z')
const june = new Date('2013-06-01T00:00:00Z')

test('project time moves forward, tells who listens, and is there after a restart', () => {
  const file = join(folder, 'time')
  const clock = new SimulatedClock(may, file)
  const heard: Date[] = []
  clock.onMove((now) => heard.push(now))
  clock.set(june)
  clock.set(june)
  assert.deepEqual(heard, [june])
  assert.deepEqual(new SimulatedClock(may, file).project(), june)
})

test('project time does not go back', () => {
  const clock = new SimulatedClock(june)
  assert.throws(() => clock.set(may), { code: 'CLOCK_BACKWARDS' })
  assert.deepEqual(clock.project(), june)
})

test('a time that is none is refused', () => {
  assert.throws(() => new SimulatedClock(may).set(new Date('yesterday')), { code: 'BAD_REQUEST' })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAwake } from './awake.ts'

const turning = (): boolean => process.getActiveResourcesInfo().includes('Immediate')
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

describe('busy polling', () => {
  test('keeps the event loop turning after an answer, and lets it sleep when none has followed', async () => {
    const awake = createAwake(20)
    assert.equal(turning(), false)
    awake.answered(performance.now())
    await later()
    assert.equal(turning(), true)
    while (turning()) await later()
    awake.answered(performance.now())
    assert.equal(turning(), true)
    while (turning()) await later()
  })

  test('turns nothing where it is off', () => {
    createAwake(0).answered(performance.now())
    assert.equal(turning(), false)
  })
})

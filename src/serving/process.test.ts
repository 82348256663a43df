import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import { type ServingProcess, startReadyProcess } from './testing-process.ts'
import { setUpStories } from './testing-stories.ts'
import { ROW, rowsById } from './testing.ts'

let serving: ServingProcess | undefined
const story = setUpStories({ start: async (folder, options) => (serving = await startReadyProcess(folder, options)) }, { versions: { 1: 'one' }, aliases: { champion: '1' } })

/** Starts serving, and resolves with its address once it is ready. */
async function start(): Promise<string> {
  await story.start('deployments: [{model: delay}]')
  return story.url
}

/** Sends requests at several connections until one gets no answer; returns the ids that were answered. */
async function load(url: string): Promise<Set<string>> {
  const client = servingClient(createTransport(url))
  const answered = new Set<string>()
  let next = 0
  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (;;) {
        const requestId = `request-${next++}`
        try {
          await client.predict('delay', [ROW, ROW], { requestId })
        } catch {
          return
        }
        answered.add(requestId)
      }
    }),
  )
  return answered
}

describe('a serving process', () => {
  test('killed with -9 under load has every answered prediction in its journal when it comes back', async () => {
    const loading = load(await start())
    await new Promise((resolve) => setTimeout(resolve, 300))
    serving?.child.kill('SIGKILL')
    const answered = await loading
    assert.ok(answered.size > 0)
    const url = await start()
    const rows = rowsById(await story.journal())
    for (const id of answered) assert.equal(rows.get(id), 2, id)
    const [deployment] = await servingClient(createTransport(url)).deployments()
    assert.equal(deployment?.predictions, 2 * rows.size)
  })

  test('asked to stop under load finishes what it accepted, and ends well', async () => {
    const loading = load(await start())
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(await serving?.stop(), 0)
    const answered = await loading
    await start()
    const rows = rowsById(await story.journal())
    for (const id of answered) assert.equal(rows.get(id), 2, id)
    assert.equal(rows.size, answered.size, 'nothing was journaled that was not answered')
  })
})

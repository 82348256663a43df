import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import { type ServingProcess, startReadyProcess } from './testing-process.ts'
import { FIXTURES, ROW, type Registry, startRegistry } from './testing.ts'

let folder: string
let registry: Registry
let serving: ServingProcess | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'serving-'))
  registry = await startRegistry(join(folder, 'registry'))
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
})
afterEach(async () => {
  serving?.child.kill('SIGKILL')
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts serving, and resolves with its address once it is ready. */
async function start(): Promise<string> {
  serving = await startReadyProcess(join(folder, 'project'), { tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay}]' })
  return serving.url
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

async function journaled(url: string): Promise<Map<string, number>> {
  const rows = new Map<string, number>()
  for (let offset = 0; ; ) {
    const page = await servingClient(createTransport(url)).readJournal(offset, { limitBytes: 100_000 })
    if (page.records.length === 0) return rows
    for (const { id } of page.records) rows.set(id, (rows.get(id) ?? 0) + 1)
    offset = page.offset
  }
}

describe('a serving process', () => {
  test('killed with -9 under load has every answered prediction in its journal when it comes back', async () => {
    const loading = load(await start())
    await new Promise((resolve) => setTimeout(resolve, 300))
    serving?.child.kill('SIGKILL')
    const answered = await loading
    assert.ok(answered.size > 0)
    const url = await start()
    const rows = await journaled(url)
    for (const id of answered) assert.equal(rows.get(id), 2, id)
    const [deployment] = await servingClient(createTransport(url)).deployments()
    assert.equal(deployment?.predictions, 2 * rows.size)
  })

  test('asked to stop under load finishes what it accepted, and ends well', async () => {
    const loading = load(await start())
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(await serving?.stop(), 0)
    const answered = await loading
    const rows = await journaled(await start())
    for (const id of answered) assert.equal(rows.get(id), 2, id)
    assert.equal(rows.size, answered.size, 'nothing was journaled that was not answered')
  })
})

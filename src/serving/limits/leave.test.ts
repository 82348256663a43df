import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { freePort } from '../../platform/http/testing.ts'
import { grpcClient } from '../grpc/testing.ts'
import { type ServingProcess, startReadyProcess } from '../testing-process.ts'
import { FIXTURES, type TestConfigOptions, wholeJournal } from '../testing.ts'

interface Outcome {
  readonly id: string
  /** Its status, or the code of the error. */
  readonly what: string
  readonly closing: boolean
}

describe('a serving process that is told to stop', () => {
  let folder: string
  let serving: ServingProcess | undefined

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'leave-'))
    cpSync(join(FIXTURES, 'plain'), join(folder, 'models', 'plain', '1'), { recursive: true })
  })
  afterEach(() => {
    serving?.child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(options: TestConfigOptions = {}): Promise<string> {
    serving = await startReadyProcess(folder, { yaml: 'model_repository: models', ...options })
    return serving.url
  }

  function ask(url: string, agent: Agent, id: string): Promise<Outcome> {
    return new Promise((resolve) => {
      const failed = (error: NodeJS.ErrnoException) => resolve({ id, what: error.code ?? error.message, closing: false })
      const request = httpRequest(`${url}/v1/models/plain:predict`, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'x-request-id': id } }, (response) => {
        response.on('error', failed)
        response.resume().on('end', () => resolve({ id, what: String(response.statusCode), closing: response.headers.connection === 'close' }))
      })
      request.on('error', failed)
      request.end('{"instances":[{"a":1,"b":2}]}')
    })
  }

  const journaled = async (url: string) => new Set((await wholeJournal(url)).map(({ id }) => id))

  test('answers every request that got a connection, over connections that are used again and again, and asks for these to be closed', async () => {
    const url = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 16 })
    const outcomes: Outcome[] = []
    let next = 0
    const loading = Promise.all(
      Array.from({ length: 16 }, async () => {
        for (;;) {
          const outcome = await ask(url, agent, `request-${next++}`)
          outcomes.push(outcome)
          if (outcome.what === 'ECONNREFUSED') return
        }
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(await serving?.stop(), 0)
    await loading
    agent.destroy()
    const counts = Object.groupBy(outcomes, ({ what }) => what)
    // Refused by status, or by the system because nobody listens any more: never cut off.
    assert.deepEqual(Object.keys(counts).filter((what) => !['200', '503', 'ECONNREFUSED'].includes(what)), [])
    assert.ok(outcomes.some(({ what, closing }) => what === '200' && closing))
    const ids = await journaled(await start())
    const answered = outcomes.filter(({ what }) => what === '200')
    assert.deepEqual(new Set(answered.map(({ id }) => id)), ids)
  })

  test('says first that it is not ready, and still takes what comes, for as long as it was told', async () => {
    const url = await start({ drain: '400ms' })
    const ended = serving?.stop()
    const agent = new Agent()
    let unready = false
    while (!unready) unready = (await fetch(`${url}/v2/health/ready`)).status === 503
    assert.equal((await ask(url, agent, 'late')).what, '200')
    await ended
    assert.equal((await ask(url, agent, 'later')).what, 'ECONNREFUSED')
  })

  test('answers every call that was begun, and refuses those after it as UNAVAILABLE', async () => {
    const port = await freePort()
    await start({ grpcPort: port })
    const inputs = ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: ['1'], contents: { fp32_contents: [1] } }))
    const { call, client } = grpcClient(port, 'inference.GRPCInferenceService')
    const answered = new Set<string>()
    const refused: number[] = []
    let next = 0
    const loading = Promise.all(
      Array.from({ length: 16 }, async () => {
        for (;;) {
          const id = `call-${next++}`
          const { code } = await call('ModelInfer', { model_name: 'plain', id, inputs }, {}, 2000)
          if (code === 0) answered.add(id)
          else return refused.push(code)
        }
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    await serving?.stop()
    await loading
    client.close()
    assert.ok(answered.size > 0)
    assert.deepEqual([...new Set(refused)], [14])
    assert.deepEqual(answered, await journaled(await start()))
  })
})

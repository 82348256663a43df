import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import type { JournalRecord } from '../../api/serving.ts'
import type { OutboxPage } from '../../api/events.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { LineBuffer } from '../journal/format.ts'
import { Journal } from '../journal/journal.ts'
import { recentRecords } from '../journal/recent.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig, until } from '../testing.ts'
import { convert } from './tensor/convert.ts'
import { createTensorLineWriter } from './tensor/journal-line.ts'
import { interfaceOf, openSession, runSession } from './tensor/session.ts'
import { warmTensors } from './warm.ts'

describe('a version is warmed with what its model was asked last', () => {
  let folder: string
  let registry: Registry
  let service: TestService

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'warm-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.add('2', join(FIXTURES, 'brittle'))
    registry.move('champion', '1')
    service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay}]' }), { projectFolder: join(folder, 'project') })
    await ready(service.url)
  })
  after(async () => {
    await service.stop()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const client = () => servingClient(createTransport(service.url))
  const state = async () => {
    const [only] = await client().deployments()
    assert.ok(only)
    return only
  }

  test('one that answers all of it takes over', async () => {
    await client().predict('delay', [ROW, { ...ROW, weather__wind: null }])
    registry.move('champion', '2')
    await until(async () => (await state()).version === '2')
    registry.move('champion', '1')
    await until(async () => (await state()).version === '1')
  })

  test('one that has no number for a row of it is refused with the request, and the old one stays', async () => {
    await client().predict('delay', [{ ...ROW, weather__wind: 60 }], { requestId: 'storm' })
    await client().predict('delay', [ROW])
    registry.move('champion', '2')
    await until(async () => (await state()).state === 'failed')
    const { version, reason } = await state()
    assert.equal(version, '1')
    assert.match(reason ?? '', /warming with .*row \d: version 2 of delay answered NaN/)
    assert.equal((await client().predict('delay', [ROW])).version, '1')
    const { events } = (await (await fetch(`${service.url}/-/outbox`)).json()) as OutboxPage
    assert.ok(events.some(({ type, data }) => type === 'dev.millrace.deployment.failed' && 'reason' in data && /warming/.test(String(data.reason))))
  })
})

describe('warming by tensors', () => {
  const record = (line: string): JournalRecord => JSON.parse(`${line}}`)
  const base = { model: 'm', version: '1', alias: 'champion', role: 'champion', mask: null, columns: new Map() } as const
  const line = createTensorLineWriter(base)

  for (const [datatype, values] of [['INT64', [2n ** 60n, -3n]], ['FP32', [1.5, Number.NaN]], ['FP16', [1.5, -2]], ['BOOL', [true, false]], ['BYTES', ['a', 'Ω']]] as const) {
    test(`gives the model the ${datatype} that the journal has`, async () => {
      const session = await openSession(join(FIXTURES, 'identity', `${datatype}.onnx`))
      const model = interfaceOf(session)
      const x = { datatype, shape: [1, 2], data: convert(values, datatype, 'x') }
      const recorded = record(line('a', 0, new Map([['x', x]]), new Map(), ''))
      const fed: unknown[] = []
      await warmTensors({ run: async (feeds, fetch) => (fed.push(feeds['x']?.data), session.run(feeds, fetch)) }, model, [recorded])
      assert.deepEqual(fed, [x.data])
      await session.release()
    })
  }

  test('leaves out what was not kept whole and what the model does not take, and says which request it cannot run', async () => {
    const session = await openSession(join(FIXTURES, 'identity', 'INT64.onnx'))
    const model = interfaceOf(session)
    const of = (id: string, tensor: object): JournalRecord => ({ ...record(line(id, 0, new Map(), new Map(), '')), tensors: { inputs: { x: tensor } as never, outputs: {} } })
    const left = [of('a', { datatype: 'INT64', shape: [1, 2] }), of('b', { datatype: 'INT64', shape: [1, 3], data: [1, 2, 3] }), of('c', { datatype: 'BYTES', shape: [1, 2], data: ['x', 'y'] })]
    let runs = 0
    await warmTensors({ run: async (feeds, fetch) => (runs++, session.run(feeds, fetch)) }, model, left)
    assert.equal(runs, 0)
    const broken = { run: () => Promise.reject(new Error('out of memory')) }
    await assert.rejects(warmTensors(broken, model, [of('d', { datatype: 'INT64', shape: [1, 2], data: [1, 2] })]), { code: 'MODEL_INVALID', message: /recorded request d: .*out of memory/ })
    assert.equal((await runSession(session, new Map([['x', { datatype: 'INT64', shape: [1, 2], data: convert([1, 2], 'INT64', 'x') }]]), ['y'])).size, 1)
    await session.release()
  })
})

describe('the records of late', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'recent-'))
  })

  const line = (id: number, model: string, more = ''): string => `{"id":"${id}","row":0,"model":"${model}","version":"1","alias":"champion","role":"champion","time":${id},"inputs":{"x":"${'y'.repeat(id % 700)}"}${more}`
  const write = (lines: readonly string[], segmentBytes?: number): void => {
    const journal = Journal.open({ folder, durability: 'process', ...(segmentBytes === undefined ? {} : { segmentBytes }) })
    const buffer = new LineBuffer()
    for (const one of lines) {
      buffer.add(one)
      journal.append(buffer.view())
      buffer.clear()
    }
    journal.close()
  }
  const ids = async (options: { count?: number; bytes?: number } = {}) => (await recentRecords(folder, 'a', options)).map(({ id }) => Number(id))

  test('are the newest of the model, across segments and blocks, with the torn end left out', async () => {
    write(Array.from({ length: 3000 }, (_, i) => line(i, i % 3 === 0 ? 'a' : 'b')), 300_000)
    const [newest] = (await import('node:fs')).readdirSync(folder).sort().reverse()
    appendFileSync(join(folder, newest ?? ''), line(3000, 'a').slice(0, 60))
    const all = Array.from({ length: 1000 }, (_, i) => 2997 - 3 * i)
    assert.deepEqual(await ids(), all.slice(0, 32))
    assert.deepEqual(await ids({ count: 2000 }), all)
    const some = await ids({ count: 2000, bytes: 400_000 })
    assert.ok(some.length > 100 && some.length < 900)
    assert.deepEqual(some, all.slice(0, some.length))
  })

  test('have the whole input, unmasked, and were returned', async () => {
    write([line(1, 'a'), line(2, 'a', ',"masked":["x"]'), line(3, 'a', ',"left_out":1'), line(4, 'a').replace('"role":"champion"', '"role":"shadow"'), line(5, 'a').replace('"inputs"', '"missed"')])
    assert.deepEqual(await ids(), [1])
  })

  test('are none where there is no journal', async () => {
    rmSync(folder, { recursive: true })
    assert.deepEqual(await ids(), [])
  })
})

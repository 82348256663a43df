import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { EventPage } from '../../api/events.ts'
import type { Watermark } from '../../api/control.ts'
import { configFor, inTemporaryFolder, startGateway, startPeer, until } from '../testing.ts'

const subjects = (page: EventPage): readonly string[] => page.events.map(({ event }) => event.subject)

test('events of every outbox come into one order, each once', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  const monitor = await startPeer(t, 'monitor')
  await tracking.emit('a')
  await monitor.emit('b')
  await tracking.emit('c')
  const gateway = await startGateway(t, configFor({ tracking: tracking.url, monitor: monitor.url }))
  const page = await until(() => gateway.json<EventPage>('/events?after=0'), ({ events }) => events.length === 3)
  assert.deepEqual(page.events.map(({ position }) => position), [1, 2, 3])
  assert.deepEqual([...subjects(page)].sort(), ['a', 'b', 'c'])
  assert.ok(subjects(page).indexOf('a') < subjects(page).indexOf('c'))
  assert.equal(page.position, 3)
})

test('a gateway that starts again goes on where it stopped, and appends nothing twice', async (t) => {
  await inTemporaryFolder(async (folder) => {
    const tracking = await startPeer(t, 'tracking')
    const config = configFor({ tracking: tracking.url })
    await tracking.emit('a')
    const first = await startGateway(t, config, folder)
    await until(() => first.json<EventPage>('/events?after=0'), ({ events }) => events.length === 1)
    await first.stop()
    await tracking.emit('b')
    const second = await startGateway(t, config, folder)
    const page = await until(() => second.json<EventPage>('/events?after=0'), ({ events }) => events.length >= 2)
    assert.deepEqual(subjects(page), ['a', 'b'])
  })
})

test('a subscriber of one type is told how far the log has grown, even by other types', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  const waiting = gateway.json<EventPage>('/events?after=0&wait=20&types=dev.millrace.run.finished')
  await tracking.emit('a')
  const page = await waiting
  assert.deepEqual(page.events, [])
  assert.equal(page.position, 1)
})

test('without `after` the newest come first, by type and subject', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  for (const model of ['a', 'b', 'a']) await tracking.emit(model)
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  await until(() => gateway.json<{ position: number }>('/events/head'), ({ position }) => position === 3)
  const page = await gateway.json<EventPage>('/events?subject=a&type=dev.millrace.model.created&limit=1')
  assert.deepEqual(page.events.map(({ position }) => position), [3])
  const older = await gateway.json<EventPage>(`/events?subject=a&before=${page.position}`)
  assert.deepEqual(older.events.map(({ position }) => position), [1])
  assert.equal((await gateway.get('/events?after=1&before=2')).status, 400)
})

test('the stream goes on after the last event that its reader had', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  for (const model of ['a', 'b', 'c']) await tracking.emit(model)
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  await until(() => gateway.json<{ position: number }>('/events/head'), ({ position }) => position === 3)
  const response = await gateway.get('/events/stream', { 'last-event-id': '1' })
  assert.match(response.headers.get('content-type') ?? '', /text\/event-stream/)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const readUntil = async (sign: string): Promise<void> => {
    while (!text.includes(sign)) text += (await reader?.read())?.value ?? ''
  }
  await readUntil('id: 3\ndata: ')
  assert.ok(!text.includes('id: 1\ndata: '))
  assert.ok(text.includes('id: 2\ndata: '))
  await tracking.emit('d')
  await readUntil('id: 4\ndata: ')
  await reader?.cancel()
})

test('the watermark names each outbox that is not in the log yet', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  const { waiting_for: waiting, caught_up: caughtUp } = await gateway.json<Watermark>('/-/watermark')
  assert.equal(caughtUp, false)
  assert.ok(waiting.some((what) => what.startsWith('events of serving: serving could not be reached')))
  assert.ok(!waiting.some((what) => what.startsWith('events of tracking')))
})

test('an event that breaks its chain is kept, counted and found', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  for (const model of ['a', 'b', 'c']) await tracking.emit(model)
  await sql`update outbox set event = replace(event, '"subject":"b"', '"subject":"x"') where seq = 2`.execute(tracking.db.kysely)
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  const page = await until(() => gateway.json<EventPage>('/events?after=0'), ({ events }) => events.length === 3)
  assert.deepEqual(subjects(page), ['a', 'x', 'c'])
  const found = await gateway.json<{ ok: boolean; sources: { source: string; problems: string[] }[] }>('/events/verify')
  assert.equal(found.ok, false)
  assert.deepEqual(found.sources.find(({ source }) => source === 'tracking')?.problems, ['/tracking: event 2 was changed after it was written'])
  assert.match(await (await gateway.get('/metrics')).text(), /millrace_event_chain_breaks\{source="tracking",service="gateway"\} 1/)
})

test('an outbox that lost its past is not joined to the log, and the watermark says so', async (t) => {
  await inTemporaryFolder(async (folder) => {
    const before = await startPeer(t, 'tracking')
    for (const model of ['a', 'b']) await before.emit(model)
    const first = await startGateway(t, configFor({ tracking: before.url }), folder)
    await until(() => first.json<EventPage>('/events?after=0'), ({ events }) => events.length === 2)
    await first.stop()
    await before.stop()
    const after = await startPeer(t, 'tracking')
    for (const model of ['p', 'q', 'r']) await after.emit(model)
    const second = await startGateway(t, configFor({ tracking: after.url }), folder)
    const { waiting_for: waiting } = await until(
      () => second.json<Watermark>('/-/watermark'),
      (answer) => answer.waiting_for.some((what) => what.includes('does not hold event 2')) || answer.waiting_for.some((what) => what.includes('tracking from 3')),
    )
    assert.ok(waiting.some((what) => what.includes('tracking')))
    assert.equal((await second.json<EventPage>('/events?after=0')).events.length, 2)
  })
})

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiError, createTransport } from '../../../../sdk/http.ts'
import { featuresClient } from '../../../../sdk/features.ts'
import { projectConfigSchema } from '../../../domain/config.ts'
import { parseConfig } from '../../../platform/config/index.ts'
import { startForTest } from '../../../platform/service/testing.ts'
import { EXAMPLE_FILES, exampleDefinitions } from './example.ts'
import { featuresService } from './index.ts'
import { MemoryOnlineStore } from './memory-store.ts'
import { OnlineFeatures } from './service.ts'
import { onlineViews } from './view.ts'

const HOUR = 3_600_000
const at = (text: string): number => Date.parse(`2013-04-${text}Z`)

/** A project with the example's definitions, and a features service that can be stopped and started in it. */
async function withService(work: (start: () => Promise<ReturnType<typeof featuresClient>>, project: string) => Promise<void>, clock = ''): Promise<void> {
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-features-'))
  mkdirSync(join(projectFolder, 'features'))
  for (const [name, text] of Object.entries(EXAMPLE_FILES)) writeFileSync(join(projectFolder, 'features', name), text)
  const config = parseConfig(projectConfigSchema, `project: test\n${clock}`, 'millrace.yaml')
  let running: Awaited<ReturnType<typeof startForTest>> | undefined
  try {
    await work(async () => {
      await running?.stop()
      running = await startForTest(featuresService, config, { projectFolder })
      return featuresClient(createTransport(running.url))
    }, projectFolder)
  } finally {
    await running?.stop()
    rmSync(projectFolder, { recursive: true, force: true })
  }
}

const weather = (rows: readonly [string, number, number | null, string | null][], written?: readonly string[]) => ({
  push_source_name: 'weather',
  df: {
    origin: rows.map(([origin]) => origin),
    time_hour: rows.map(([, time]) => time),
    temp: rows.map(([, , temp]) => temp),
    sky: rows.map(([, , , sky]) => sky),
    ...(written === undefined ? {} : { written }),
  },
})

test('features are answered in the shape of Feast: one result per name, with a status for each kind of absence', () =>
  withService(async (start) => {
    const client = await start()
    await client.push(weather([['EWR', at('01T10:00:00'), 50.5, 'clear'], ['LGA', at('01T10:00:00'), null, 'rain']]))
    const answer = await client.getOnlineFeatures({
      features: ['weather:sky', 'weather:temp'],
      entities: { origin: ['EWR', 'LGA', 'EWR', 'JFK', 'EWR'] },
      as_of: ['2013-04-01T13:00:00Z', at('01T10:00:00'), '2013-04-01T13:00:00.001Z', at('01T10:00:00'), at('01T09:59:59')],
      full_feature_names: true,
    })
    const then = '2013-04-01T10:00:00Z'
    const never = '1970-01-01T00:00:00Z'
    assert.deepEqual(answer, {
      results: [
        { values: ['EWR', 'LGA', 'EWR', 'JFK', 'EWR'], statuses: Array.from({ length: 5 }, () => 'PRESENT'), event_timestamps: Array.from({ length: 5 }, () => never) },
        {
          values: ['clear', 'rain', null, null, null],
          statuses: ['PRESENT', 'PRESENT', 'OUTSIDE_MAX_AGE', 'NOT_FOUND', 'NOT_FOUND'],
          event_timestamps: [then, then, then, never, never],
        },
        {
          values: [50.5, null, null, null, null],
          statuses: ['PRESENT', 'NULL_VALUE', 'OUTSIDE_MAX_AGE', 'NOT_FOUND', 'NOT_FOUND'],
          event_timestamps: [then, then, then, never, never],
        },
      ],
      metadata: { feature_names: ['origin', 'weather__sky', 'weather__temp'] },
    })
  }))

test('windows exclude their old end and include the moment; events are dated as the source says', () =>
  withService(async (start) => {
    const client = await start()
    const hour = '2013-04-01T10:00:00Z'
    const push = {
      push_source_name: 'recent_delays',
      df: {
        origin: ['EWR', 'EWR', 'EWR', 'EWR', 'EWR'],
        time_hour: [hour, hour, hour, hour, hour],
        minute: [0, 0, 30, 30, 45],
        dep_delay: [0, 0, 30, 30, null],
        flight: [1, 2, 3, 4, 5],
      },
    }
    assert.deepEqual(await client.push(push), { changed: 4, unchanged: 0, undated: 1, expired: 0 })
    assert.deepEqual(await client.push(push), { changed: 0, unchanged: 4, undated: 1, expired: 0 }, 'the same push again changes nothing')
    const moments = [at('01T10:00:00'), at('01T11:00:00'), at('01T11:59:59'), at('01T12:00:00'), at('01T13:00:00')]
    const { results, metadata } = await client.getOnlineFeatures({
      features: ['recent_delays:mean_delay', 'recent_delays:late_share', 'recent_delays:departures', 'recent_delays:delay_sum'],
      entities: { origin: moments.map(() => 'EWR') },
      as_of: moments,
    })
    const [, mean, share, departures, sum] = results
    assert.deepEqual(metadata.feature_names, ['origin', 'mean_delay', 'late_share', 'departures', 'delay_sum'])
    assert.deepEqual(mean?.values, [0, 15, 15, 30, null])
    assert.deepEqual(mean?.statuses, ['PRESENT', 'PRESENT', 'PRESENT', 'PRESENT', 'OUTSIDE_MAX_AGE'])
    assert.deepEqual(share?.values, [0, 0.5, 0.5, 1, null])
    assert.deepEqual(departures?.values, [2, 4, 4, 2, 0])
    assert.deepEqual(sum?.values, [0, 60, 60, 60, null])
  }))

test('a correction counts if it was written later, in whatever order both arrive, and a restart forgets nothing', () =>
  withService(async (start) => {
    const first = await start()
    const time = at('01T10:00:00')
    const ask = async (client: ReturnType<typeof featuresClient>) =>
      (await client.getOnlineFeatures({ features: ['weather:temp'], entities: { origin: ['EWR', 'LGA'] }, as_of: [time, time] })).results[1]?.values
    await first.push(weather([['EWR', time, 1, null], ['LGA', time, 2, null]], ['2013-04-01T10:05:00Z', '2013-04-01T12:00:00Z']))
    const late = weather([['EWR', time, 10, null], ['LGA', time, 20, null]], ['2013-04-01T11:00:00Z', '2013-04-01T11:00:00Z'])
    assert.deepEqual(await first.push(late), { changed: 1, unchanged: 1, undated: 0, expired: 0 })
    assert.deepEqual(await ask(first), [10, 2])
    assert.deepEqual(await ask(await start()), [10, 2])
  }))

test('an event that is corrected under its key is counted once', () =>
  withService(async (start) => {
    const client = await start()
    const departed = (delay: number) => ({
      push_source_name: 'recent_delays',
      df: { origin: ['EWR'], flight: ['UA 1'], departed: [at('01T10:00:00')], dep_delay: [delay] },
      event_timestamp_column: 'departed',
      row_key_column: 'flight',
    })
    await client.push(departed(5))
    await client.push(departed(7))
    const { results } = await client.getOnlineFeatures({ features: ['recent_delays:mean_delay', 'recent_delays:departures'], entities: { origin: ['EWR'] }, as_of: [at('01T10:00:00')] })
    assert.deepEqual([results[1]?.values, results[2]?.values], [[7], [1]])
  }))

test('without a moment of its own a question is answered as of project time, or of the moment in its header', () =>
  withService(async (start) => {
    const client = await start()
    const now = at('02T00:00:00')
    await client.push(weather([['EWR', now, 1, null], ['EWR', now + HOUR, 2, null]]))
    const question = { features: ['weather:temp'], entities: { origin: ['EWR'] } }
    assert.deepEqual((await client.getOnlineFeatures(question)).results[1]?.values, [1], 'what happens later than project time is never given')
    const later = await client.getOnlineFeatures(question, { headers: { 'x-millrace-time': '2013-04-02T02:00:00Z' } })
    assert.deepEqual(later.results[1]?.values, [2])
  }, 'clock: {simulated: "2013-04-02T00:00:00Z"}\n'))

test('rows behind the retention are forgotten, on disk too, and a row from the future pushes nothing out', async () => {
  const store = new MemoryOnlineStore()
  const stored = async (): Promise<number> => (await Array.fromAsync(store.load('weather'))).length
  let now = at('02T00:00:00')
  const features = new OnlineFeatures(store, () => new Date(now))
  await features.define(onlineViews(exampleDefinitions()))
  await features.push(weather([['EWR', at('01T00:00:00'), 1, null]]))
  await features.push(weather([['EWR', Date.parse('2999-01-01T00:00:00Z'), 9, null]]))
  assert.equal(await stored(), 2)

  const again = weather([['EWR', at('01T00:00:00'), 1, null], ['EWR', Date.parse('2013-03-01T00:00:00Z'), 1, null]])
  assert.deepEqual(await features.push(again), { changed: 0, unchanged: 1, undated: 0, expired: 1 }, 'the first of March lies more than a week back')
  now = at('20T00:00:00')
  await features.push(weather([['EWR', at('19T00:00:00'), 2, null]]))
  assert.equal(await stored(), 2)
  assert.equal(features.summary('weather').rows, 2)
})

test('changed definitions are answered from the rows that are there', async () => {
  const features = new OnlineFeatures(new MemoryOnlineStore(), () => new Date(at('02T00:00:00')))
  await features.define(onlineViews(exampleDefinitions()))
  await features.push(weather([['EWR', at('01T10:00:00'), 1, 'clear']]))
  await features.define(onlineViews(exampleDefinitions({ 'weather.yaml': (text) => text.replace('ttl: 3h', 'ttl: 1h').replace('{name: sky', '{name: wind}\n- {name: sky') })))
  const ask = (moment: string) =>
    features.answer({ features: ['weather:wind', 'weather:sky'], entities: { origin: ['EWR'] } }, at(moment)).results.slice(1).map(({ values, statuses }) => [values[0], statuses[0]])
  assert.deepEqual(ask('01T11:00:00'), [[null, 'NULL_VALUE'], ['clear', 'PRESENT']])
  assert.deepEqual(ask('01T12:00:00'), [[null, 'OUTSIDE_MAX_AGE'], [null, 'OUTSIDE_MAX_AGE']])
})

test('a mistake is named and changes nothing', () =>
  withService(async (start) => {
    const client = await start()
    const refused = async (promise: Promise<unknown>, status: number, message: RegExp): Promise<void> => {
      await assert.rejects(promise, (error: unknown) => {
        assert.ok(error instanceof ApiError)
        assert.equal(error.status, status)
        assert.match(error.message, message)
        return true
      })
    }
    const good = weather([['EWR', at('01T10:00:00'), 1, null]])
    await refused(client.push({ ...good, push_source_name: 'wether' }), 404, /no feature view "wether"; known: recent_delays, weather/)
    await refused(client.push({ ...good, df: { ...good.df, temp: [] } }), 400, /column temp has 0 rows/)
    await refused(client.push({ ...good, df: { ...good.df, temp: ['hot'] } }), 400, /temp of row 0: found "hot", expected a number/)
    await refused(client.push({ ...good, df: { ...good.df, time_hour: ['noon'] } }), 400, /row 0 has no moment: found time_hour = "noon"/)
    await refused(client.push({ ...good, df: { origin: ['EWR'] } }), 400, /column time_hour is missing/)
    await refused(client.push({ ...good, df: { ...good.df, origin: [null] } }), 400, /origin of row 0 is null/)
    assert.equal((await client.featureView('weather')).rows, 0)

    const entities = { origin: ['EWR'] }
    await refused(client.getOnlineFeatures({ features: ['weather:wind'], entities }), 404, /weather has no feature "wind"; it has temp, sky/)
    await refused(client.getOnlineFeatures({ features: ['temp'], entities }), 400, /expected view:feature/)
    await refused(client.getOnlineFeatures({ features: ['weather:temp'], entities: { dest: ['EWR'] } }), 400, /origin is missing, the join key of weather/)
    await refused(client.getOnlineFeatures({ features: ['weather:temp', 'weather:temp'], entities }), 400, /two results would be named temp/)
    await refused(client.getOnlineFeatures({ features: ['weather:temp'], entities, as_of: [] }), 400, /0 moments for 1 rows/)
    await refused(client.getOnlineFeatures({ features: ['weather:temp'], entities, as_of: ['noon'] }), 400, /row 0: found "noon"/)
  }))

import assert from 'node:assert/strict'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { findBreak } from '../platform/events/chain.ts'
import { startTrackingProcess } from './testing-process.ts'
import { eventsAfter } from './testing.ts'

const WRITERS = 4
const ALIASES = ['champion', 'challenger']

/** What a client was told is done. */
interface Acknowledged {
  readonly runs: Set<string>
  /** Of each writer's run. */
  readonly steps: Map<string, number[]>
  readonly params: Map<string, string[]>
  readonly tags: Map<string, string>
  readonly files: Map<string, string[]>
  readonly versions: number[]
  readonly aliases: Map<string, { acknowledged: number; asked: readonly number[] }>
}

const contentOf = (path: string): string => `${path} `.repeat(20_000)

/**
 * Kills a tracking process that many write to, `kills` times at moments that nobody chooses, starts it again on the same `folder`, and looks after each start
 * whether all is there that was acknowledged, and nothing by half.
 */
export async function killAgainAndAgain(folder: string, yaml: string, kills: number): Promise<void> {
  const known: Acknowledged = { runs: new Set(), steps: new Map(), params: new Map(), tags: new Map(), files: new Map(), versions: [], aliases: new Map() }
  let tracking = await startTrackingProcess(folder, yaml)
  try {
    await trackingClient(createTransport(tracking.url)).registerModel('m')
    for (let kill = 0; kill < kills; kill++) {
      const gone = new AbortController()
      const writers = write(tracking.url, known, kill, gone)
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 400))
      await tracking.kill()
      gone.abort()
      await Promise.all(writers)
      tracking = await startTrackingProcess(folder, yaml)
      await check(tracking.url, known, kill)
    }
  } finally {
    await tracking.kill()
  }
  assert.ok(known.runs.size >= kills && known.versions.length >= kills / 2, 'there was a load')
}

function write(url: string, known: Acknowledged, kill: number, gone: AbortController): readonly Promise<void>[] {
  const client = trackingClient(createTransport(url))
  const until = async (work: (i: number) => Promise<void>): Promise<void> => {
    for (let i = 0; !gone.signal.aborted; i++) await work(i).catch(() => gone.abort())
  }
  const writer = async (who: number): Promise<void> => {
    let id = ''
    await until(async (i) => {
      if (id === '') {
        id = (await client.createRun('0', { name: `${kill} ${who}` })).info.run_id
        known.runs.add(id)
        return
      }
      const runId = id
      await client.logMetrics(runId, [{ key: 'm', value: i, step: i }])
      add(known.steps, runId, i)
      await client.logParams(runId, { [`p${i}`]: i })
      add(known.params, runId, `p${i}`)
      await client.setTags(runId, { last: String(i) })
      known.tags.set(runId, String(i))
      await client.uploadArtifact(runId, `f/${i}.txt`, contentOf(`${runId}/${i}`))
      add(known.files, runId, `${i}`)
    })
  }
  const mover = async (alias: string): Promise<void> => {
    await until(async () => {
      const { version } = await client.createVersion('m', { source: 's3://elsewhere/model' })
      known.versions.push(Number(version))
      // Any move asked for since the last acknowledged one may have been made: its answer was lost with the process.
      const { acknowledged, asked } = known.aliases.get(alias) ?? { acknowledged: 0, asked: [] }
      known.aliases.set(alias, { acknowledged, asked: [...asked, Number(version)] })
      await client.setAlias('m', alias, version)
      known.aliases.set(alias, { acknowledged: Number(version), asked: [] })
    })
  }
  return [...Array.from({ length: WRITERS }, (_, who) => writer(who)), ...ALIASES.map(mover)]
}

async function check(url: string, known: Acknowledged, kill: number): Promise<void> {
  const client = trackingClient(createTransport(url))
  const where = `after kill ${kill + 1}`
  // What an earlier start had, this one has: only the runs of the last load are read whole, and some of those before.
  const runs = [...known.runs]
  for (const runId of [...runs.slice(-WRITERS), ...runs.slice(0, -WRITERS).filter(() => Math.random() < 0.05)]) {
    const { data } = await client.getRun(runId)
    const steps = new Set((await client.metricHistory(runId, 'm')).map(({ step }) => step))
    assert.deepEqual((known.steps.get(runId) ?? []).filter((step) => !steps.has(step)), [], `metrics ${where}`)
    const params = new Set(data.params.map(({ key }) => key))
    assert.deepEqual((known.params.get(runId) ?? []).filter((key) => !params.has(key)), [], `params ${where}`)
    const last = Number(data.tags.find(({ key }) => key === 'last')?.value ?? -1)
    assert.ok(last >= Number(known.tags.get(runId) ?? -1), `tag ${where}`)
    const listed = await client.listArtifacts(runId, 'f')
    for (const { path, file_size } of listed) assert.equal(file_size, contentOf(`${runId}/${path.slice(2, -4)}`).length, `a part of a file ${where}`)
    const names = new Set(listed.map(({ path }) => path))
    assert.deepEqual((known.files.get(runId) ?? []).filter((i) => !names.has(`f/${i}.txt`)), [], `artifacts ${where}`)
    const newest = known.files.get(runId)?.at(-1)
    if (newest !== undefined) assert.equal(new TextDecoder().decode(await client.downloadArtifact(runId, `f/${newest}.txt`)), contentOf(`${runId}/${newest}`))
  }
  for (const version of known.versions.slice(-20)) await client.getVersion('m', String(version))
  const events = await allEvents(url)
  assert.equal(findBreak(events), null, where)
  for (const [alias, { acknowledged, asked }] of known.aliases) {
    const at = Number((await client.getByAlias('m', alias))?.version ?? 0)
    assert.ok(at === acknowledged || asked.includes(at), `${alias} is at ${at}, acknowledged ${acknowledged}, asked ${asked.join()}, ${where}`)
    const history = await client.aliasHistory('m', alias)
    assert.equal(Number(history.at(-1)?.version ?? 0), at, `the history of ${alias} ${where}`)
    const moved = events.filter(({ type, data }) => type === 'dev.millrace.model.alias.moved' && 'alias' in data && data.alias === alias)
    assert.equal(moved.length, history.length, `each move of ${alias} is told once ${where}`)
  }
  const { aliases = [] } = await modelOf(url)
  assert.equal(new Set(aliases.map(({ alias }) => alias)).size, aliases.length, `an alias is in two places ${where}`)
}

async function allEvents(url: string) {
  const all = []
  for (;;) {
    const page = await eventsAfter(url, all.length)
    if (page.length === 0) return all
    all.push(...page)
  }
}

async function modelOf(url: string): Promise<{ readonly aliases?: readonly { readonly alias: string }[] }> {
  const answer: { registered_model: { aliases?: { alias: string }[] } } = JSON.parse(await (await fetch(`${url}/api/2.0/mlflow/registered-models/get?name=m`)).text())
  return answer.registered_model
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  map.set(key, [...(map.get(key) ?? []), value])
}

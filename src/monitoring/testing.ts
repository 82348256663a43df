import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OutboxPage } from '../api/events.ts'
import type { ScoredRecord } from '../api/serving.ts'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import { type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { DAY_MS } from '../domain/windows.ts'
import { parseConfig } from '../platform/config/index.ts'
import { type TestService, startForTest } from '../platform/service/testing.ts'
import { DuckDB } from './duckdb.ts'
import { monitorService } from './index.ts'
import { Peers } from './peers.ts'

export const MODEL = 'flight-delay'
export const START = Date.parse('2013-04-01T00:00:00Z')
/** Metrics of a run that pass the gate. */
export const GOOD = { log_loss: 0.5, auc: 0.75, base_rate_log_loss: 0.62, ece: 0.01, latency_p99_ms: 2 }
const folder = mkdtempSync(join(tmpdir(), 'millrace-monitor-test-'))
export const duckdb = new DuckDB()
after(async () => {
  await duckdb.close()
  rmSync(folder, { recursive: true, force: true })
})

const reference = referenceFile()

/** A training sample: hour 0 to 23 evenly, two carriers, scores around 0.5. */
async function referenceFile(): Promise<Uint8Array> {
  const file = join(folder, 'reference.parquet')
  const sql = `copy (select (i % 24)::integer as hour, case when i % 2 = 0 then 'UA' else 'AA' end as carrier, 0.25 + (i % 50) / 100.0 as score from range(1200) t(i)) to '${file}' (format parquet)`
  await duckdb.use((connection) => connection.run(sql))
  return readFileSync(file)
}

function configFor(peers: Peers, database: string): ProjectConfig {
  const text = `
project: test
clock: { simulated: 2013-04-01T00:00:00Z }
storage: { database: '${database}' }
services:
  serving: { url: ${peers.url} }
  tracking: { url: ${peers.url} }
  features: { url: ${peers.url} }
  pipelines: { url: ${peers.url} }
deployments:
  - { model: ${MODEL}, shadow: [frozen, challenger] }
monitors:
  - { model: ${MODEL}, performance: { min_labels: 20 } }
retraining:
  - { model: ${MODEL}, at_least_every: monthly, promote: { margin: -0.002 } }
`
  return parseConfig(projectConfigSchema, text, 'millrace.yaml')
}

/** The monitor among scripted neighbours. */
export class World {
  readonly peers = new Peers()
  readonly projectFolder = mkdtempSync(join(folder, 'project-'))
  readonly #database: string
  #service: TestService | undefined

  private constructor(database: string) {
    this.#database = database
  }

  static async make(database: string): Promise<World> {
    const world = new World(database)
    await world.peers.start()
    world.peers.onlineFeatures = ['weather:temp']
    await world.version('1')
    await world.start()
    return world
  }

  get client() {
    return monitorClient(createTransport(this.url))
  }

  get url(): string {
    assert.ok(this.#service)
    return this.#service.url
  }

  async start(): Promise<void> {
    this.#service = await startForTest(monitorService, configFor(this.peers, this.#database), { projectFolder: this.projectFolder })
  }

  async stopService(): Promise<void> {
    await this.#service?.stop()
    this.#service = undefined
  }

  async restart(): Promise<void> {
    await this.stopService()
    await this.start()
  }

  async stop(): Promise<void> {
    await this.stopService()
    await this.peers.stop()
  }

  async version(version: string, metrics: Readonly<Record<string, number>> = GOOD): Promise<void> {
    const sample = await reference
    this.peers.versions.set(version, { metrics, files: { 'reference.parquet': sample } })
  }

  async moveTo(time: number): Promise<void> {
    await controlClient(createTransport(this.url)).setClock(new Date(time))
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 500; i++) {
      const { waiting_for } = await controlClient(createTransport(this.url)).watermark()
      if (waiting_for.length === 0) return
      await sleep(10)
    }
    const { waiting_for } = await controlClient(createTransport(this.url)).watermark()
    assert.fail(`it never caught up: ${waiting_for.join('; ')}`)
  }

  async waitsFor(pattern: RegExp): Promise<void> {
    for (let i = 0; i < 500; i++) {
      const { waiting_for } = await controlClient(createTransport(this.url)).watermark()
      if (waiting_for.some((what) => pattern.test(what))) return
      await sleep(10)
    }
    assert.fail(`it never waited for ${pattern}`)
  }

  async events(type: string) {
    const page = await createTransport(this.url).json<OutboxPage>('GET', '/-/outbox?limit=1000')
    return page.events.filter((event) => event.type === `dev.millrace.${type}`).map((event) => event.data)
  }

  /** `perDay` requests on each of `days` days from `from`; version 1 answers, and the scores of shadows are given by alias. */
  async traffic(from: number, days: number, perDay: number, shadows: Readonly<Record<string, { version: string; score: (label: number) => number }>>, hour = (i: number) => i % 24) {
    const records: ScoredRecord[] = []
    const labels: { request_id: string; label: number; time: string }[] = []
    for (let i = 0; i < days * perDay; i++) {
      const time = from + Math.floor((i / perDay) * DAY_MS)
      const id = `${time}-${i}`
      const label = i % 3 === 0 ? 1 : 0
      const common = { id, row: 0, model: MODEL, time }
      records.push({ ...common, version: '1', alias: 'champion', role: 'champion', features: { hour: hour(i), carrier: i % 2 === 0 ? 'UA' : 'AA' }, score: 0.25 + (i % 50) / 100 })
      for (const [alias, { version, score }] of Object.entries(shadows)) records.push({ ...common, version, alias, role: 'shadow', score: score(label) })
      labels.push({ request_id: id, label, time: new Date(time + 600_000).toISOString() })
    }
    this.peers.journal(records)
    await this.client.sendLabels(labels)
  }
}

/** Makes a test of each scenario, in a world of its own. `makeDatabase` gives what `storage.database` is set to, new each time. */
export function scenarios(makeDatabase: () => string): (name: string, run: (world: World) => Promise<void>) => void {
  return (name, run) => {
    test(name, async () => {
      const world = await World.make(makeDatabase())
      try {
        await run(world)
      } finally {
        await world.stop()
      }
    })
  }
}

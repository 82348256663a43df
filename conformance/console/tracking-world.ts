import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type ProjectConfig, projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { EPOCH, type Filler, fillerOf } from './fill.ts'

/** A real tracking service behind a real gateway; the other services are down. */
export interface TrackingWorld {
  readonly url: string
  readonly filler: Filler
  /** Of the tracking service. */
  readonly database: string
  /** Moves project time of the tracking service. */
  readonly setTime: (time: number) => Promise<void>
  readonly stop: () => Promise<void>
}

const DOWN = ['features', 'serving', 'monitor', 'pipelines'].map((name) => `  ${name}: {url: "http://127.0.0.1:9"}\n`).join('')

export async function startTrackingWorld(): Promise<TrackingWorld> {
  const tracking = await startForTest(trackingService, configure(''))
  const gateway = await startForTest(gatewayService, configure(`services:\n  tracking: {url: "${tracking.url}"}\n${DOWN}`))
  return {
    url: gateway.url,
    filler: fillerOf(tracking.url),
    database: join(tracking.projectFolder, '.millrace', 'tracking', 'tracking.db'),
    setTime: async (time) => {
      const response = await fetch(`${tracking.url}/-/clock`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ now: new Date(time).toISOString() }) })
      if (!response.ok) throw new Error(`PUT /-/clock: ${response.status}`)
    },
    stop: async () => {
      await gateway.stop()
      await tracking.stop()
    },
  }
}

function configure(more: string): ProjectConfig {
  return parseConfig(projectConfigSchema, `project: flights\nclock: {simulated: '${new Date(EPOCH).toISOString()}'}\n${more}`, 'millrace.yaml', {})
}

/** A Parquet file as DuckDB writes it. */
export async function parquetFile(rows: number): Promise<Uint8Array<ArrayBuffer>> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-console-'))
  try {
    const file = join(folder, 'table.parquet')
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    await connection.run(`copy (select i as id, 'carrier ' || (i % 3) as carrier, i / 7.0 as delay, date '2013-01-01' + i::int as day from range(${rows}) t(i)) to '${file}' (format parquet)`)
    connection.closeSync()
    instance.closeSync()
    return new Uint8Array(readFileSync(file))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFeatureSpec, signatureInputs } from '../../src/domain/feature-spec.ts'
import { DuckDb, literal } from '../../src/platform/duckdb/index.ts'
import type { LoadRequest } from '../lib/load.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const EXAMPLE = join(ROOT, 'examples', 'flights')
export const LAUNCHER = join(ROOT, 'bin', 'millrace.mjs')
const ROWS = 1000

/** Trains the flights model as the example does, and writes one request for each of many held-out flights, with their features given. */
export async function prepareFlights(folder: string): Promise<{ readonly model: string; readonly requests: string }> {
  mkdirSync(join(folder, 'data', 'raw', 'flights'), { recursive: true })
  for (const month of ['01', '02', '03']) cpSync(join(EXAMPLE, 'source', 'flights', `2013-${month}.parquet`), join(folder, 'data', 'raw', 'flights', `2013-${month}.parquet`))
  cpSync(join(EXAMPLE, 'source', 'weather.parquet'), join(folder, 'data', 'raw', 'weather.parquet'))
  cpSync(join(EXAMPLE, 'features'), join(folder, 'features'), { recursive: true })
  cpSync(join(EXAMPLE, 'params.yaml'), join(folder, 'params.yaml'))
  for (const command of [['features', 'build'], ['train']]) {
    const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, ...command], { cwd: folder, encoding: 'utf8' })
    if (status !== 0) throw new Error(`millrace ${command.join(' ')} failed: ${stderr}`)
  }
  const model = join(folder, 'model')
  const requests = join(folder, 'requests.json')
  writeFileSync(requests, JSON.stringify(await requestsOf(model, join(folder, 'data', 'features', 'test.parquet'))))
  return { model, requests }
}

async function requestsOf(model: string, parquet: string): Promise<readonly LoadRequest[]> {
  const columns = signatureInputs(parseFeatureSpec(readFileSync(join(model, 'features.json'), 'utf8')))
  const database = await DuckDb.open({ memory: '128MB' })
  try {
    const select = columns.map(({ name, type }) =>
      type === 'datetime' ? `strftime("${name}", '%Y-%m-%dT%H:%M:%SZ') AS "${name}"` : `CAST("${name}" AS ${type === 'string' ? 'VARCHAR' : 'DOUBLE'}) AS "${name}"`,
    )
    const table = await database.columns(`SELECT ${select.join(', ')} FROM read_parquet(${literal(parquet)}) LIMIT ${ROWS}`)
    const values = columns.map(({ name, type }) => (type === 'string' || type === 'datetime' ? table.strings(name) : table.numbers(name)))
    return Array.from({ length: table.rows }, (_, row) => {
      const entries = columns.map(({ name }, i) => [name, values[i]?.[row] ?? null])
      return { method: 'POST', path: '/invocations', body: JSON.stringify({ dataframe_records: [Object.fromEntries(entries)] }) }
    })
  } finally {
    database.close()
  }
}

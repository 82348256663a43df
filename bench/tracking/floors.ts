// The least that an answer costs: bare node:http with the same JSON, and the statements alone. `node floors.ts http PORT FOLDER` serves; `sql URL RUN_IDS` prints.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { openDatabase, type Statement, type Value } from '../../src/platform/db/index.ts'
import { migrations } from '../../src/training/migrations.ts'
import type { TrackingSchema } from '../../src/training/tables.ts'
import { FIND_DOCUMENTS, FIRST_POINTS, INSERT_METRICS, INSERT_PARAMS, INSERT_RUNS, TOUCH_RUNS, UPSERT_LATEST, UPSERT_TAGS } from '../../src/training/tracking/runs/statements.ts'

/** Parses the body, if there is one, and answers with the content of FOLDER/NAME.json for the path /NAME. */
export function serveFiles(port: number, folder: string): void {
  const known = new Map<string, Buffer>()
  const content = (name: string): Buffer => {
    const bytes = known.get(name) ?? readFileSync(join(folder, `${name}.json`))
    known.set(name, bytes)
    return bytes
  }
  createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      if (parts.length > 0) JSON.parse(Buffer.concat(parts).toString())
      const body = request.url === '/health' ? Buffer.from('OK') : content((request.url ?? '/').slice(1))
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
    })
  }).listen(port, '127.0.0.1')
}

type Rows = readonly (readonly Value[])[]

/** Microseconds of processor time that the statements of each work take alone, in transactions of their own. */
export async function statementsAlone(url: string, experimentId: string, runs: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const db = await openDatabase<TrackingSchema>({ url, schema: 'tracking', migrations })
  const run = (i: number): string => runs[i % runs.length] ?? ''
  const write = (statements: readonly (readonly [Statement<never>, Rows])[]) => db.transaction(async (trx) => {
    for (const [one, rows] of statements) await db.each(trx, one, rows)
  })
  const point = (i: number, key: string, step: number) => [run(i), key, 1_764_000_000_000 + step, step, 0.25, 0]
  const latest = (i: number, key: string, step: number) => [...point(i, key, step), Number(experimentId)]
  const works: Readonly<Record<string, (i: number) => Promise<unknown>>> = {
    'runs/create': (i) => write([[INSERT_RUNS, [[`floor${i}`, Number(experimentId), 'run', 'ada', 'RUNNING', 1, 'mlflow-artifacts:/', 'active']]], [UPSERT_TAGS, [[`floor${i}`, 'mlflow.runName', 'run']]]]),
    'runs/log-metric': (i) => write([[INSERT_METRICS, [point(i, 'floor', i)]], [UPSERT_LATEST, [latest(i, 'floor', i)]], [TOUCH_RUNS, [[run(i)]]]]),
    'runs/log-parameter': (i) => write([[INSERT_PARAMS, [[run(i), `floor ${i}`, 'value']]], [TOUCH_RUNS, [[run(i)]]]]),
    'runs/log-batch (100 metrics, 10 params, 1 tag)': (i) =>
      write([
        [INSERT_PARAMS, Array.from({ length: 10 }, (_, n) => [run(i), `floor ${i} ${n}`, 'value'])],
        [INSERT_METRICS, Array.from({ length: 100 }, (_, n) => point(i, `floor${n % 10}`, i * 100 + n))],
        [UPSERT_LATEST, Array.from({ length: 10 }, (_, n) => latest(i, `floor${n}`, i * 100 + 99))],
        [UPSERT_TAGS, [[run(i), 'floor', String(i)]]],
        [TOUCH_RUNS, [[run(i)]]],
      ]),
    'runs/get': (i) => db.each(db.reading, FIND_DOCUMENTS, [[run(i)]]),
    'metrics/get-history (1,000 points)': (i) => db.each(db.reading, FIRST_POINTS, [[run(i % 20), 'curve']]),
    'runs/search (page of 100 whole runs)': (i) => db.each(db.reading, FIND_DOCUMENTS, Array.from({ length: 100 }, (_, n) => [run(i + n)])),
  }
  const found: Record<string, number> = {}
  for (const [name, work] of Object.entries(works)) {
    for (let i = 0; i < 50; i++) await work(i)
    const count = 500
    const before = process.cpuUsage()
    for (let i = 50; i < 50 + count; i++) await work(i)
    const { user, system } = process.cpuUsage(before)
    found[name] = (user + system) / count
  }
  await db.close()
  return found
}

const [, script, what, ...rest] = process.argv
if (script === import.meta.filename) {
  const [first = '', second = '', third = ''] = rest
  if (what === 'http') serveFiles(Number(first), second)
  else process.stdout.write(JSON.stringify(await statementsAlone(first, second, third.split(','))))
}

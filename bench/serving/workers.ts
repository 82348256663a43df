// Two workers beside one process that answers itself: the forest of random-forest.ts, 32 connections, with one row a request and with 64. Runs alternate. The client has the same
// machine: on two cores it takes part of what the second worker should have, so with small requests no server could be 1.7 times as fast there. What a client elsewhere would leave
// shows in the processor time a request, which is reported beside.
// Promised: two workers on two cores at least 1.7 times the requests per second of one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadRequest } from '../lib/load.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { makeForest } from './forest.ts'
import { type Measured, measure, median, row } from './measure.ts'
import { type BenchServer, startMillraceModels } from './servers.ts'

const CONNECTIONS = 32
const PROMISED_RATIO = 1.7
const WORKERS = [1, 2] as const
const ROWS = [1, 64] as const

type Pair = readonly [one: Measured, two: Measured]

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 8)
  const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
  const venv = process.env['MILLRACE_PEERS_VENV']
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment; npm run bench makes it')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const servers: BenchServer[] = []
  try {
    const data = makeForest(venv, folder)
    for (const workers of WORKERS) servers.push(await startMillraceModels(join(folder, 'models'), join(folder, `state-${workers}`), workers))
    const results: { readonly rows: number; readonly pair: Pair }[] = []
    for (const rows of ROWS) {
      const requests = join(folder, `requests-${rows}.json`)
      writeFileSync(requests, JSON.stringify(requestsOf(data, rows)))
      const measured: Measured[][] = servers.map(() => [])
      for (let round = 0; round < rounds; round++) {
        for (const [i, server] of servers.entries()) measured[i]?.push(await measure(server, { requests, connections: CONNECTIONS, seconds }))
      }
      const [one, two] = measured.map(median)
      if (!one || !two) throw new Error('nothing was measured')
      results.push({ rows, pair: [one, two] })
    }
    return report(results)
  } finally {
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function requestsOf(data: readonly (readonly number[])[], rows: number): readonly LoadRequest[] {
  return Array.from({ length: 200 }, (_, i) => {
    const taken = Array.from({ length: rows }, (_row, j) => data[(i * rows + j) % data.length] ?? [])
    const input = { name: 'X', shape: [rows, taken[0]?.length ?? 0], datatype: 'FP32', data: taken.flat() }
    return { method: 'POST', path: '/v2/models/forest/infer', body: JSON.stringify({ inputs: [input] }) }
  })
}

function report(results: readonly { readonly rows: number; readonly pair: Pair }[]): BenchResult {
  const title = (rows: number) => `${rows} ${rows === 1 ? 'row' : 'rows'} a request`
  return {
    name: `workers: ${CONNECTIONS} connections, ${availableParallelism()} cores, the client among them`,
    rows: results.flatMap(({ rows, pair: [one, two] }) => [row(`one process, ${title(rows)}`, one), row(`two workers and the service, ${title(rows)}`, two)]),
    promises: results.map(({ rows, pair: [one, two] }) => {
      const ratio = two.perSecond / one.perSecond
      const cpu = (2 * one.cpuMicroseconds) / two.cpuMicroseconds
      return {
        promise: `two workers answer at least ${PROMISED_RATIO} times as many, ${title(rows)}`,
        measured: `${ratio.toFixed(2)} times; by processor time a request, two cores without the client would give ${cpu.toFixed(2)} times`,
        kept: ratio >= PROMISED_RATIO,
      }
    }),
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1

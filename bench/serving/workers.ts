// Two workers beside one process that answers itself: the flights model, one row a request, 32 connections. Runs alternate. The client has the same machine, so on
// two cores it takes part of what the second worker should have: the ratio of CPU time a request is shown too, which is what a client elsewhere would leave.
// Promised: two workers on two cores at least 1.7 times the requests per second of one.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BenchResult, show } from '../lib/result.ts'
import { type Measured, measure, median, row } from './measure.ts'
import { prepareFlights } from './prepare.ts'
import { type BenchServer, startMillrace } from './servers.ts'

const CONNECTIONS = 32
const PROMISED_RATIO = 1.7

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 10)
  const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const servers: BenchServer[] = []
  try {
    const { model, requests } = await prepareFlights(join(folder, 'flights'))
    const measured: Measured[][] = []
    for (const workers of [1, 2]) {
      servers.push(await startMillrace(join(folder, String(workers)), model, [], workers))
      measured.push([])
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, server] of servers.entries()) measured[i]?.push(await measure(server, { requests, connections: CONNECTIONS, seconds }))
    }
    const [one, two] = measured.map(median)
    if (!one || !two) throw new Error('nothing was measured')
    return report(one, two)
  } finally {
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function report(one: Measured, two: Measured): BenchResult {
  const ratio = two.perSecond / one.perSecond
  const cpu = (2 * one.cpuMicroseconds) / two.cpuMicroseconds
  return {
    name: `workers: ${CONNECTIONS} connections, ${availableParallelism()} cores, the client among them`,
    rows: [row('one process', one), row('two workers and the service', two)],
    promises: [
      { promise: `two workers answer at least ${PROMISED_RATIO} times as many`, measured: `${ratio.toFixed(2)} times; by CPU time a request, two cores without the client would give ${cpu.toFixed(2)} times`, kept: ratio >= PROMISED_RATIO },
    ],
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1

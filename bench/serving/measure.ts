import { type WrkResult, wrkLoad } from '../lib/wrk.ts'
import type { BenchServer } from './servers.ts'

export interface Measured extends WrkResult {
  readonly perSecond: number
  readonly cpuMicroseconds: number
  readonly megabytes: number
}

export interface Load {
  /** A file with a JSON list of requests. */
  readonly requests: string
  readonly connections: number
  readonly seconds: number
}

/** Before caches and compilers have warmed nothing is counted. */
const WARM_UP_SECONDS = 3

/** Throws when a request failed. */
export async function measure(server: BenchServer, { requests, connections, seconds }: Load): Promise<Measured> {
  const load = { port: server.port, connections, requests }
  await wrkLoad({ ...load, seconds: WARM_UP_SECONDS })
  const cpu = server.cpuSeconds()
  const result = await wrkLoad({ ...load, seconds })
  if (result.failed > 0) throw new Error(`${result.failed} requests failed at port ${server.port}`)
  return { ...result, perSecond: result.requests / result.seconds, cpuMicroseconds: ((server.cpuSeconds() - cpu) * 1e6) / result.all, megabytes: server.megabytes() }
}

/** The run with the middle throughput. */
export function median(runs: readonly Measured[]): Measured {
  const sorted = runs.toSorted((a, b) => a.perSecond - b.perSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new Error('nothing was measured')
  return middle
}

/** A line of a table of servers. */
export function row(server: string, { perSecond, p50, p99, cpuMicroseconds, megabytes }: Measured) {
  return {
    server,
    'requests/s': Math.round(perSecond),
    'p50 ms': Number(p50.toFixed(3)),
    'p99 ms': Number(p99.toFixed(2)),
    'CPU µs/request': Math.round(cpuMicroseconds),
    'memory MB': Math.round(megabytes),
  }
}

// npm run bench [name …]: runs each benchmark, prints its table, and writes all of them to bench/results.json. Ends with 1 if a promise was not kept.
import { arch, availableParallelism, cpus, platform } from 'node:os'
import { writeFileDurable } from '../src/platform/fs/index.ts'
import { VERSION } from '../src/platform/version.ts'
import { type BenchResult, show } from './lib/result.ts'

const BENCHES: Readonly<Record<string, () => Promise<BenchResult>>> = {
  'flights-http': async () => (await import('./serving/flights-http.ts')).run(),
  workers: async () => (await import('./serving/workers.ts')).run(),
  'random-forest': async () => (await import('./serving/random-forest.ts')).run(),
  swap: async () => (await import('./serving/swap.ts')).run(),
  'binary-batch': async () => (await import('./serving/binary-batch.ts')).run(),
  overload: async () => (await import('./serving/overload.ts')).run(),
  tracking: async () => (await import('./tracking/tracking.ts')).run(),
  'tracking-artifacts': async () => (await import('./tracking/artifacts.ts')).run(),
  'flights-reference': async () => (await import('./flights-reference.ts')).run(),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`there is no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`)
  process.exit(64)
}
const results: BenchResult[] = []
for (const [name, run] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const result = await run()
  if (!show(result)) process.exitCode = 1
  results.push(result)
}
const machine = { platform: platform(), arch: arch(), cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), node: process.version }
writeFileDurable(new URL('results.json', import.meta.url).pathname, `${JSON.stringify({ millrace: VERSION, time: new Date().toISOString(), machine, results }, null, 2)}\n`)

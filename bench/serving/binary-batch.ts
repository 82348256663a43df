// 1,000 rows of 30 features in one request of the binary tensor extension, against `session.run` of the same model and rows alone: what the server adds. The model is
// the forest of random-forest.ts; one connection, so that nothing else is between the two.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSession } from '../../src/serving/runtime/tensor/session.ts'
import { onnxRuntime } from '../../src/serving/runtime/onnx.ts'
import type { LoadRequest } from '../lib/load.ts'
import { quantile } from '../lib/lines.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { makeForest } from './forest.ts'
import { type Measured, measure, median } from './measure.ts'
import { startMillraceModels } from './servers.ts'

const ROWS = 1000
const LIMIT = 1.5

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 5)
  const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
  const venv = process.env['MILLRACE_PEERS_VENV']
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment; npm run bench makes it')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-batch-'))
  try {
    const rows = makeForest(venv, folder)
    const values = Float32Array.from(Array.from({ length: ROWS }, (_, i) => rows[i % rows.length] ?? []).flat())
    const requests = join(folder, 'requests.json')
    writeFileSync(requests, JSON.stringify([requestOf(values)]))
    const server = await startMillraceModels(join(folder, 'models'), join(folder, 'state'))
    try {
      const alone: number[] = []
      const served: Measured[] = []
      for (let round = 0; round < rounds; round++) {
        alone.push(await sessionAlone(join(folder, 'models', 'forest', '1', 'model.onnx'), values, seconds))
        served.push(await measure(server, { requests, connections: 1, seconds }))
      }
      return report(quantile(alone, 0.5), median(served))
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function requestOf(values: Float32Array): LoadRequest {
  const head = Buffer.from(
    JSON.stringify({
      inputs: [{ name: 'X', shape: [ROWS, values.length / ROWS], datatype: 'FP32', parameters: { binary_data_size: values.byteLength } }],
      parameters: { binary_data_output: true },
    }),
  )
  return {
    method: 'POST',
    path: '/v2/models/forest/infer',
    bytes: Buffer.concat([head, Buffer.from(values.buffer)]).toString('base64'),
    headers: { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': String(head.length) },
  }
}

/** Milliseconds of one run, the median. */
async function sessionAlone(file: string, values: Float32Array, seconds: number): Promise<number> {
  const { Tensor } = await onnxRuntime()
  const session = await openSession(file)
  const took: number[] = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const began = performance.now()
    await session.run({ X: new Tensor('float32', values, [ROWS, values.length / ROWS]) })
    took.push(performance.now() - began)
  }
  await session.release()
  return quantile(took, 0.5)
}

function report(alone: number, { p50, p99, cpuMicroseconds }: Measured): BenchResult {
  const round = (ms: number): number => Math.round(ms * 100) / 100
  return {
    name: `${ROWS} rows × 30 in one binary request, random forest of 100 trees`,
    rows: [
      { what: 'session.run alone', 'p50 ms': round(alone) },
      { what: 'Millrace over HTTP', 'p50 ms': round(p50), 'p99 ms': round(p99), 'CPU ms/request': round(cpuMicroseconds / 1000) },
    ],
    promises: [{ promise: `within ${LIMIT} times session.run alone`, measured: `${(p50 / alone).toFixed(2)} times`, kept: p50 <= LIMIT * alone }],
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1

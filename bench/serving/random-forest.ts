// One row of 30 features a request, random forest of 100 trees, 32 connections and then one: our serving service over a folder of models (validation, journal,
// metrics on) against the same ONNX model under FastAPI + Uvicorn + onnxruntime, MLServer, and `mlflow models serve`; and against a bare node:http that parses
// the same JSON and has no model. One process each, the same client on the same machine; runs alternate.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadRequest } from '../lib/load.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { untilAnswers } from '../lib/processes.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { makeForest } from './forest.ts'
import { type Measured, measure, median, row } from './measure.ts'
import { type BenchServer, running, startFastapi, startMillraceModels, startPython, uvicornLoop } from './servers.ts'

const NAMES = ['ours', 'bare', 'fastapi', 'mlserver', 'mlflow'] as const
type Name = (typeof NAMES)[number]
type Of<T> = Readonly<Record<Name, T>>

const CONNECTIONS = 32
const COMPARED = 50
/** Probabilities of float32 trees, summed in another order. */
const TOLERANCE = 1e-5

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 8)
  const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
  const [peers, mlserver] = ['MILLRACE_PEERS_VENV', 'MILLRACE_MLSERVER_VENV'].map((name) => {
    const venv = process.env[name]
    if (venv === undefined) throw new Error(`${name} must name a Python environment; npm run bench makes it`)
    return venv
  }) as [string, string]
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const started: BenchServer[] = []
  try {
    const { v2, invocations } = makeRequests(peers, folder)
    const start = async (server: Promise<BenchServer>): Promise<BenchServer> => {
      started.push(await server)
      return server
    }
    const model = join(folder, 'models', 'forest', '1', 'model.onnx')
    const servers: Of<BenchServer> = {
      ours: await start(startMillraceModels(join(folder, 'models'), join(folder, 'state'))),
      bare: await start(startBare()),
      fastapi: await start(startFastapi(peers, 'forest_app', model)),
      mlserver: await start(startMlserver(mlserver, folder, model)),
      mlflow: await start(startPython(peers, (port) => ['-m', 'mlflow', 'models', 'serve', '-m', join(folder, 'mlflow'), '--env-manager', 'local', '--port', String(port)], '/ping', { MLFLOW_DISABLE_TELEMETRY: 'true' })),
    }
    await compareAnswers(servers, v2, invocations)
    const measureAll = async (connections: number): Promise<Of<Measured>> => {
      const runs: Record<Name, Measured[]> = { ours: [], bare: [], fastapi: [], mlserver: [], mlflow: [] }
      for (let round = 0; round < rounds; round++) {
        for (const name of NAMES) runs[name].push(await measure(servers[name], { requests: name === 'mlflow' ? invocations : v2, connections, seconds }))
      }
      return { ours: median(runs.ours), bare: median(runs.bare), fastapi: median(runs.fastapi), mlserver: median(runs.mlserver), mlflow: median(runs.mlflow) }
    }
    return report(await measureAll(CONNECTIONS), await measureAll(1), uvicornLoop(peers))
  } finally {
    for (const server of started) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Files of requests, each of one row, in V2's JSON and in MLflow's. */
function makeRequests(venv: string, folder: string): { readonly v2: string; readonly invocations: string } {
  const rows = makeForest(venv, folder)
  const write = (name: string, request: (values: readonly number[]) => LoadRequest): string => {
    const file = join(folder, name)
    writeFileSync(file, JSON.stringify(rows.map(request)))
    return file
  }
  return {
    v2: write('v2.json', (data) => ({ method: 'POST', path: '/v2/models/forest/infer', body: JSON.stringify({ inputs: [{ name: 'X', shape: [1, data.length], datatype: 'FP32', data }] }) })),
    invocations: write('invocations.json', (data) => ({ method: 'POST', path: '/invocations', body: JSON.stringify({ inputs: [data] }) })),
  }
}

async function startBare(): Promise<BenchServer> {
  const port = await freePort()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare.ts'), String(port)], { stdio: ['ignore', 'ignore', 'inherit'] })
  await untilAnswers(`http://127.0.0.1:${port}/`, child)
  return running(child, port, async () => undefined)
}

function startMlserver(venv: string, folder: string, model: string): Promise<BenchServer> {
  const home = join(folder, 'mlserver')
  mkdirSync(home)
  return startPython(
    venv,
    (port) => {
      const settings = { http_port: port, grpc_port: port + 1, metrics_port: port + 2, host: '127.0.0.1', parallel_workers: 0, debug: false }
      writeFileSync(join(home, 'settings.json'), JSON.stringify(settings))
      writeFileSync(join(home, 'model-settings.json'), JSON.stringify({ name: 'forest', implementation: 'forest_runtime.Forest', parameters: { uri: model } }))
      return ['-c', 'from mlserver.cli import main; main()', 'start', home]
    },
    '/v2/models/forest/ready',
    { PYTHONPATH: import.meta.dirname },
  )
}

/** All must compute the same thing before it is worth anything how fast they do. */
async function compareAnswers(servers: Of<BenchServer>, v2: string, invocations: string): Promise<void> {
  const [requests, rows] = [v2, invocations].map((file) => (JSON.parse(readFileSync(file, 'utf8')) as readonly LoadRequest[]).slice(0, COMPARED))
  for (const [i, request] of (requests ?? []).entries()) {
    const expected = probabilitiesOf(await send(servers.ours, request))
    for (const name of ['fastapi', 'mlserver', 'mlflow'] as const) {
      const answer = await send(servers[name], name === 'mlflow' ? (rows?.[i] ?? request) : request)
      const found = probabilitiesOf(answer)
      if (expected.length !== 2 || found.some((value, at) => Math.abs(value - (expected[at] ?? Number.NaN)) > TOLERANCE) || found.length !== 2) throw new Error(`${name} disagrees: ${JSON.stringify(answer)}, expected ${expected.join()}`)
    }
  }
}

interface Answer {
  readonly outputs?: readonly { readonly name: string; readonly data: readonly number[] }[]
  readonly predictions?: { readonly probabilities: readonly (readonly number[])[] }
}

async function send({ port }: BenchServer, { path, body = '' }: LoadRequest): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return (await response.json()) as Answer
}

function probabilitiesOf({ outputs, predictions }: Answer): readonly number[] {
  return outputs?.find(({ name }) => name === 'probabilities')?.data ?? predictions?.probabilities[0] ?? []
}

function report(many: Of<Measured>, one: Of<Measured>, loop: string): BenchResult {
  const titles: Of<string> = {
    ours: 'Millrace (validation, journal, metrics)',
    bare: 'bare node:http, JSON parsed, no model',
    fastapi: `FastAPI + Uvicorn (${loop}) + onnxruntime`,
    mlserver: 'MLServer, parallel_workers 0',
    mlflow: 'mlflow models serve',
  }
  const faster = (peer: Name): number => many.ours.perSecond / many[peer].perSecond
  const atLeast = (ratio: number, peer: Name, title: string) => ({ promise: `requests/s at least ${ratio} times ${title}`, measured: `${faster(peer).toFixed(2)} times`, kept: faster(peer) >= ratio })
  const under = (share: number, peer: Name, title: string) => ({
    promise: `p50 at one connection under ${share.toFixed(2)} of ${title}`,
    measured: `${one.ours.p50.toFixed(3)} ms to ${one[peer].p50.toFixed(3)} ms`,
    kept: one.ours.p50 < share * one[peer].p50,
  })
  return {
    name: `random forest of 100 trees over HTTP, one row of 30 features a request`,
    rows: [...NAMES.map((name) => row(`${titles[name]}, ${CONNECTIONS} connections`, many[name])), ...NAMES.map((name) => row(`${titles[name]}, one connection`, one[name]))],
    promises: [
      atLeast(10, 'fastapi', "FastAPI's"),
      atLeast(20, 'mlflow', "those of mlflow models serve"),
      atLeast(0.7, 'bare', "bare node:http's"),
      atLeast(5, 'mlserver', "MLServer's"),
      under(1 / 10, 'mlflow', "mlflow models serve's"),
      under(1 / 3, 'fastapi', "FastAPI's"),
    ],
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1

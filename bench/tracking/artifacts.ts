// An artifact of 1 GB up to the tracking service and down again, against `mlflow server` with its own default settings: the same client, one after the other, files on one
// disk. Needs MILLRACE_PEERS_VENV.
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BenchResult, show } from '../lib/result.ts'
import { type TrackingServer, startMillrace, startMlflow } from './servers.ts'

const MIB = 1024 * 1024
const SIZE = Number(process.env['MILLRACE_BENCH_ARTIFACT_MIB'] ?? 1024) * MIB
const ROUNDS = 2
const PROMISED = 5
const MOST_MEMORY_MB = 200
const PATH = '/api/2.0/mlflow-artifacts/artifacts/0/large.bin'
const block = Buffer.alloc(MIB, 'An artifact is made of bytes. ')

interface Transfer {
  readonly seconds: number
  /** Of the server, user and system. */
  readonly cpu: number
}

/** The best of some rounds: what else the machine did is not ours. */
async function best(server: TrackingServer, transfer: () => Promise<void>): Promise<Transfer> {
  const rounds: Transfer[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [begin, cpu] = [performance.now(), server.cpuSeconds()]
    await transfer()
    rounds.push({ seconds: (performance.now() - begin) / 1000, cpu: server.cpuSeconds() - cpu })
  }
  return rounds.toSorted((a, b) => a.seconds - b.seconds)[0] ?? { seconds: Number.NaN, cpu: Number.NaN }
}

function up(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', port, method: 'PUT', path: PATH, headers: { 'content-length': SIZE } }, (response) => {
      response.resume().on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`the upload was answered ${response.statusCode}`))))
    })
    sending.on('error', reject)
    let left = SIZE
    const more = (): void => {
      while (left > 0) {
        const part = block.subarray(0, Math.min(MIB, left))
        left -= part.length
        if (!sending.write(part)) return void sending.once('drain', more)
      }
      sending.end()
    }
    more()
  })
}

function down(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let size = 0
    request({ host: '127.0.0.1', port, path: PATH }, (response) => {
      response.on('data', (part: Buffer) => (size += part.length))
      response.on('end', () => (size === SIZE ? resolve() : reject(new Error(`the download had ${size} of ${SIZE} bytes`))))
      response.on('error', reject)
    })
      .on('error', reject)
      .end()
  })
}

/** Runs `work` and gives the most memory that the server's processes were seen to hold. */
async function watched(server: TrackingServer, work: () => Promise<void>): Promise<number> {
  let most = 0
  const look = (): void => {
    most = Math.max(most, server.memory().megabytes)
  }
  const timer = setInterval(look, 250)
  try {
    await work()
  } finally {
    clearInterval(timer)
    look()
  }
  return most
}

async function measure(server: TrackingServer) {
  let sent: Transfer | undefined
  let received: Transfer | undefined
  try {
    const memory = await watched(server, async () => {
      sent = await best(server, () => up(server.port))
      received = await best(server, () => down(server.port))
    })
    if (sent === undefined || received === undefined) throw new Error('nothing was measured')
    return { name: server.name, sent, received, memory }
  } finally {
    await server.stop()
  }
}

export async function run(): Promise<BenchResult> {
  const venv = process.env['MILLRACE_PEERS_VENV']
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment with conformance/requirements.txt installed')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-artifacts-'))
  try {
    const ours = await measure(await startMillrace(join(folder, 'ours'), undefined, ['--max-semi-space-size=2']))
    rmSync(join(folder, 'ours'), { recursive: true })
    const theirs = await measure(await startMlflow(venv, join(folder, 'theirs'), undefined))
    const round = (value: number) => Number(value.toFixed(2))
    const rows = [ours, theirs].map(({ name, sent, received, memory }) => ({
      server: name,
      MiB: SIZE / MIB,
      'up s': round(sent.seconds),
      'up CPU s': round(sent.cpu),
      'down s': round(received.seconds),
      'down CPU s': round(received.cpu),
      'most memory MB': Math.round(memory),
    }))
    const atLeast = (what: string, ratio: number) => ({ promise: `${what}: at least ${PROMISED} times as fast`, measured: `${ratio.toFixed(1)} times`, kept: ratio >= PROMISED })
    return {
      name: 'an artifact of 1 GB against mlflow server',
      rows,
      promises: [
        atLeast('up', theirs.sent.seconds / ours.sent.seconds),
        atLeast('down', theirs.received.seconds / ours.received.seconds),
        { promise: `memory meanwhile: under ${MOST_MEMORY_MB} MB`, measured: `${ours.memory.toFixed(0)} MB; MLflow's ${theirs.memory.toFixed(0)} MB`, kept: ours.memory < MOST_MEMORY_MB },
      ],
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { startRegistry } from '../../src/serving/testing.ts'
import { LAUNCHER } from './prepare.ts'

export interface BenchServer {
  readonly port: number
  /** Seconds of processor time that the process has used so far; NaN where the system does not tell (no /proc). */
  readonly cpuSeconds: () => number
  readonly rssMegabytes: () => number
  readonly stop: () => Promise<void>
}

/** Our serving service as `millrace serve` runs it, behind a registry that has the one model. `nodeOptions` go to Node (a profiler). */
export async function startMillrace(folder: string, model: string, nodeOptions: readonly string[] = []): Promise<BenchServer> {
  const registry = await startRegistry(join(folder, 'registry'), 'flight-delay')
  registry.add('1', model)
  registry.move('champion', '1')
  const project = join(folder, 'project')
  mkdirSync(project, { recursive: true })
  const port = await freePort()
  writeFileSync(
    join(project, 'millrace.yaml'),
    `project: bench
deployments: [{model: flight-delay}]
services:
  serving: {port: ${port}}
  tracking: {url: '${registry.url}'}
  gateway: {url: '${registry.url}'}
`,
  )
  const child = spawn(process.execPath, [...nodeOptions, LAUNCHER, 'serve', 'serving'], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
  await answers(`http://127.0.0.1:${port}/v2/health/ready`, child)
  return server(child, port, () => registry.close())
}

/** What Uvicorn runs on in this environment: its fast extras are optional (`uvicorn[standard]`). */
export function uvicornLoop(venv: string): string {
  const { status } = spawnSync(join(venv, 'bin', 'python'), ['-c', 'import uvloop, httptools'])
  return status === 0 ? 'uvloop, httptools' : 'asyncio, h11'
}

/** The same model behind FastAPI and one Uvicorn worker, with uvloop and httptools where the environment has them. */
export async function startFastapi(venv: string, model: string): Promise<BenchServer> {
  const port = await freePort()
  const child = spawn(
    join(venv, 'bin', 'python'),
    ['-m', 'uvicorn', 'fastapi_app:app', '--app-dir', import.meta.dirname, '--port', String(port), '--no-access-log', '--log-level', 'warning'],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, MODEL: model, PYTHONDONTWRITEBYTECODE: '1' } },
  )
  await answers(`http://127.0.0.1:${port}/ping`, child)
  return server(child, port, async () => undefined)
}

function server(child: ChildProcess, port: number, after: () => Promise<void>): BenchServer {
  return {
    port,
    cpuSeconds: () => cpuSeconds(child.pid ?? 0),
    rssMegabytes: () => rssMegabytes(child.pid ?? 0),
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      await after()
    },
  }
}

function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    // User and system time, in ticks of 1/100 s on every Linux that Node runs on.
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

function rssMegabytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return Number.NaN
  }
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server of ${url} ended with exit code ${child.exitCode}`)
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error(`nobody answered at ${url} within 30 s`)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

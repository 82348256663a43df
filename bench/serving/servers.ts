import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startRegistry } from '../../src/serving/testing.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { cpuSeconds, pssMegabytes, untilAnswers } from '../lib/processes.ts'
import { LAUNCHER } from './prepare.ts'

export interface BenchServer {
  readonly port: number
  /** Seconds of processor time that the process has used so far, with those that it started; 0 where the system does not tell (no /proc). */
  readonly cpuSeconds: () => number
  /** Of the process and those that it started, each shared page once. */
  readonly megabytes: () => number
  readonly stop: () => Promise<void>
}

/** Our serving service as `millrace serve` runs it, behind a registry that has the one model. */
export async function startMillrace(folder: string, model: string): Promise<BenchServer> {
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
  const child = spawn(process.execPath, [LAUNCHER, 'serve', 'serving'], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
  await untilAnswers(`http://127.0.0.1:${port}/v2/health/ready`, child)
  return running(child, port, () => registry.close())
}

/** What Uvicorn runs on in this environment: its fast extras are optional (`uvicorn[standard]`). */
export function uvicornLoop(venv: string): string {
  const { status } = spawnSync(join(venv, 'bin', 'python'), ['-c', 'import uvloop, httptools'])
  return status === 0 ? 'uvloop, httptools' : 'asyncio, h11'
}

/** Our serving service over a folder of models, as `millrace serve serving --models` runs it. */
export async function startMillraceModels(models: string, data: string, workers = 1): Promise<BenchServer> {
  const port = await freePort()
  const child = spawn(process.execPath, [LAUNCHER, 'serve', 'serving', '--models', models, '--data', data, '--port', String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MILLRACE_SERVING_WORKERS: String(workers) },
  })
  await untilAnswers(`http://127.0.0.1:${port}/v2/health/ready`, child)
  return running(child, port, async () => undefined)
}

/** A FastAPI application of this folder (`fastapi_app`) with one Uvicorn worker, with uvloop and httptools where the environment has them. */
export function startFastapi(venv: string, app: string, model: string): Promise<BenchServer> {
  return startPython(
    venv,
    (port) => ['-m', 'uvicorn', `${app}:app`, '--app-dir', import.meta.dirname, '--port', String(port), '--no-access-log', '--log-level', 'warning'],
    '/ping',
    { MODEL: model },
  )
}

/** A server in Python, given the port that it is to take; it is there when `health` answers 200. */
export async function startPython(venv: string, command: (port: number) => readonly string[], health: string, environment: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const port = await freePort()
  const child = spawn(join(venv, 'bin', 'python'), command(port), {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PATH: `${join(venv, 'bin')}:${process.env['PATH'] ?? ''}`, ...environment },
  })
  await untilAnswers(`http://127.0.0.1:${port}${health}`, child)
  return running(child, port, async () => undefined)
}

export function running(child: ChildProcess, port: number, after: () => Promise<void>): BenchServer {
  const pid = child.pid ?? 0
  return {
    port,
    cpuSeconds: () => cpuSeconds(pid),
    megabytes: () => pssMegabytes(pid).megabytes,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      // Those that start processes of their own run as a group, which is ended whole.
      if (child.exitCode === null) process.kill(child.spawnargs[0] === process.execPath ? pid : -pid, 'SIGTERM')
      await ended
      await after()
    },
  }
}

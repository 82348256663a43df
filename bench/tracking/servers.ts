import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../src/platform/http/testing.ts'
import { cpuSeconds, pssMegabytes, untilAnswers } from '../lib/processes.ts'

export interface TrackingServer {
  readonly name: string
  readonly port: number
  /** From the start of the process to its first healthy answer. */
  readonly startedMs: number
  readonly cpuSeconds: () => number
  readonly memory: () => { readonly megabytes: number; readonly processes: number }
  readonly stop: () => Promise<void>
}

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'millrace.mjs')

/** Our tracking service as `millrace serve tracking` runs it. `nodeOptions` go to Node (a profiler). */
export async function startMillrace(folder: string, database: string | undefined, nodeOptions: readonly string[] = []): Promise<TrackingServer> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const storage = database === undefined ? '' : `storage: {database: '${database}'}\n`
  writeFileSync(join(folder, 'millrace.yaml'), `project: bench\nservices: {tracking: {port: ${port}}}\n${storage}`)
  const child = spawn(process.execPath, [...nodeOptions, LAUNCHER, 'serve', 'tracking'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  return running('Millrace', child, port)
}

/** `mlflow server` with its own default settings: four workers. */
export async function startMlflow(venv: string, folder: string, database: string | undefined): Promise<TrackingServer> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const store = ['--backend-store-uri', database ?? `sqlite:///${join(folder, 'mlflow.db')}`, '--artifacts-destination', join(folder, 'artifacts')]
  const child = spawn(join(venv, 'bin', 'mlflow'), ['server', ...store, '--host', '127.0.0.1', '--port', String(port)], {
    cwd: folder,
    // A group of its own: its workers are ended with it.
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', PATH: `${join(venv, 'bin')}:${process.env['PATH'] ?? ''}` },
  })
  return running('MLflow', child, port)
}

async function running(name: string, child: ChildProcess, port: number): Promise<TrackingServer> {
  const pid = child.pid ?? 0
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const startedMs = await untilAnswers(`http://127.0.0.1:${port}/health`, child)
  return {
    name,
    port,
    startedMs,
    cpuSeconds: () => cpuSeconds(pid),
    memory: () => pssMegabytes(pid),
    stop: async () => {
      if (child.exitCode === null) process.kill(name === 'MLflow' ? -pid : pid, 'SIGTERM')
      await ended
    },
  }
}

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort } from '../../src/platform/http/testing.ts'
import { peersPython } from './python.ts'

export interface MlflowServer {
  readonly url: string
  /** Its database, as `sqlite:///FILE`. */
  readonly database: string
  readonly stop: () => Promise<void>
}

/** It takes some 16 s to start. */
const PATIENCE_MS = 120_000

/** MLflow's own server on SQLite, with one worker. It holds gigabytes: one at a time. */
export async function startMlflow(): Promise<MlflowServer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-real-mlflow-'))
  mkdirSync(join(folder, 'artifacts'))
  const port = await freePort()
  const database = `sqlite:///${join(folder, 'mlflow.db')}`
  const options = ['--backend-store-uri', database, '--artifacts-destination', join(folder, 'artifacts'), '--host', '127.0.0.1', '--port', String(port), '--workers', '1']
  const child = spawn(join(dirname(peersPython()), 'mlflow'), ['server', ...options], {
    cwd: folder,
    // A group of its own: the server's workers go with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (log = (log + part.toString()).slice(-4000)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline && child.exitCode === null; ) {
    if (await healthy(url)) return { url, database, stop }
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  await stop()
  throw new Error(`MLflow's server did not start:\n${log}`)
}

async function healthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

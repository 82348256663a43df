import { type ChildProcess, spawn } from 'node:child_process'
import { freePort } from '../../src/platform/http/testing.ts'
import { peersPython } from './python.ts'

export interface MotoServer {
  readonly url: string
  /** What a process needs to use it: the endpoint, and credentials that it takes. */
  readonly environment: Readonly<Record<string, string>>
  /** Makes a bucket; gives its address. */
  readonly bucket: (name: string) => Promise<string>
  readonly stop: () => Promise<void>
}

const PATIENCE_MS = 60_000

/** moto's server: S3's protocol with everything in memory and in temporary files. */
export async function startMoto(): Promise<MotoServer> {
  const port = await freePort()
  const child = spawn(peersPython(), ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await untilUp(url, child)
  } catch (error) {
    await stop()
    throw error
  }
  const bucket = async (name: string): Promise<string> => {
    const made = await fetch(`${url}/${name}`, { method: 'PUT' })
    if (!made.ok) throw new Error(`moto did not make the bucket ${name}: ${made.status} ${await made.text()}`)
    return `s3://${name}`
  }
  return { url, environment: { MLFLOW_S3_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_DEFAULT_REGION: 'us-east-1' }, bucket, stop }
}

async function untilUp(url: string, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline && child.exitCode === null; ) {
    const up = await fetch(`${url}/moto-api/`).then((answer) => answer.ok, () => false)
    if (up) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('moto did not start: is moto[server] installed in the environment that MILLRACE_PEERS_VENV names?')
}

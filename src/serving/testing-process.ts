import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { runService } from '../platform/service/index.ts'
import { servingService } from './index.ts'
import { type TestConfigOptions, ready, testConfig } from './testing.ts'

/** The program: `node SERVING_PROCESS PROJECT_FOLDER CONFIG_OPTIONS [PORT]`. It prints its port once it listens, as `{"listening":PORT}`. */
export const SERVING_PROCESS = import.meta.filename

export interface ServingProcess {
  readonly child: ChildProcess
  readonly port: number
  readonly url: string
  /** Ids of the workers that were ever started, oldest first. */
  readonly workers: readonly number[]
  /** With SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | null>
}

/** Serving in a process of its own, for tests that kill it: it is this file that runs there, and what it prints is not shown. Resolves once it listens; `ready` waits for its models, too. */
export async function startServingProcess(projectFolder: string, options: TestConfigOptions, { port = 0, environment = {} }: { readonly port?: number; readonly environment?: NodeJS.ProcessEnv } = {}): Promise<ServingProcess> {
  const child = spawn(process.execPath, [SERVING_PROCESS, projectFolder, JSON.stringify(options), String(port)], { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...environment } })
  const workers: number[] = []
  const listening = Promise.withResolvers<number>()
  child.once('exit', (code, signal) => listening.reject(new Error(`serving ended before it listened: ${signal ?? code}`)))
  createInterface(child.stdout).on('line', (line) => {
    const { listening: found, worker, msg } = JSON.parse(line) as { readonly listening?: number; readonly worker?: number; readonly msg?: string }
    if (msg === 'a worker answers' && worker !== undefined) workers.push(worker)
    if (found !== undefined) listening.resolve(found)
  })
  const found = await listening.promise
  return {
    child,
    port: found,
    url: `http://127.0.0.1:${found}`,
    workers,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const [code] = (await exited) as [number | null]
      return code
    },
  }
}

/** As `startServingProcess`, and every deployment answers. */
export async function startReadyProcess(projectFolder: string, options: TestConfigOptions, environment: NodeJS.ProcessEnv = {}): Promise<ServingProcess> {
  const serving = await startServingProcess(projectFolder, options, { environment })
  await ready(serving.url)
  return serving
}

if (process.argv[1] === SERVING_PROCESS) {
  const [, , projectFolder = '.', options = '{}', port = '0'] = process.argv
  const running = await runService(servingService, testConfig(JSON.parse(options)), { projectFolder, port: Number(port) })
  process.stdout.write(`{"listening":${running.port}}\n`)
  process.on('SIGTERM', () => void running.stop().then(() => process.exit(0)))
}

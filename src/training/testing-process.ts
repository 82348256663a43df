import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { runService } from '../platform/service/index.ts'
import { trackingService } from './index.ts'

/** Tracking in a process of its own, for tests that kill it: `node TRACKING_PROCESS PROJECT_FOLDER [YAML]`. It prints `{"listening":PORT}` once it listens. */
export const TRACKING_PROCESS = import.meta.filename

if (process.argv[1] === TRACKING_PROCESS) {
  const [, , projectFolder = '.', yaml = ''] = process.argv
  const config = parseConfig(projectConfigSchema, `project: test\n${yaml}`, 'millrace.yaml', {})
  const running = await runService(trackingService, config, { projectFolder, port: 0 })
  process.stdout.write(`{"listening":${running.port}}\n`)
  process.on('SIGTERM', () => void running.stop().then(() => process.exit(0)))
}

export interface TrackingProcess {
  readonly url: string
  readonly pid: number
  /** Ends it at once, as `kill -9` does. */
  readonly kill: () => Promise<void>
}

/** `yaml`: what its millrace.yaml says beside the project's name. */
export async function startTrackingProcess(projectFolder: string, yaml = ''): Promise<TrackingProcess> {
  // As `millrace up` starts services.
  const flags = ['--disable-warning=FSTDEP023', '--max-old-space-size=512', '--max-semi-space-size=2']
  const child = spawn(process.execPath, [...flags, TRACKING_PROCESS, projectFolder, yaml], { stdio: ['ignore', 'pipe', 'inherit'], env: { MALLOC_ARENA_MAX: '2', ...process.env } })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for await (const line of createInterface(child.stdout)) {
    const port = /^\{"listening":(\d+)\}$/.exec(line)?.[1]
    if (port === undefined) continue
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL')
      await ended
    }
    return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, kill }
  }
  throw new Error('the service ended before it listened')
}

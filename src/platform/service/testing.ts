import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { BaseConfig } from '../config/index.ts'
import type { EventsSchema } from '../events/outbox.ts'
import type { Tracing } from '../tracing/index.ts'
import { type RunningService, type ServiceDefinition, runService } from './index.ts'

export interface TestService extends RunningService {
  readonly url: string
  readonly projectFolder: string
}

export interface TestServiceOptions {
  /** A folder to go on with (restart tests); absent: a new one, removed at `stop`. */
  readonly projectFolder?: string
  readonly logLevel?: string
  readonly tracing?: Tracing
}

/** Starts a service as `millrace serve` would, on a port of the system's choice and in a folder of its own. */
export async function startForTest<S extends EventsSchema, C extends BaseConfig>(
  definition: ServiceDefinition<S, C>,
  config: C,
  options: TestServiceOptions = {},
): Promise<TestService> {
  const projectFolder = options.projectFolder ?? mkdtempSync(join(tmpdir(), `millrace-${definition.name}-`))
  const running = await runService(definition, config, { projectFolder, port: 0, log: pino({ level: options.logLevel ?? 'silent' }), ...(options.tracing ? { tracing: options.tracing } : {}) })
  return {
    ...running,
    url: `http://127.0.0.1:${running.port}`,
    projectFolder,
    stop: async () => {
      await running.stop()
      if (options.projectFolder === undefined) rmSync(projectFolder, { recursive: true, force: true })
    },
  }
}

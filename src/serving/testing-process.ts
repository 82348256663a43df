import { runService } from '../platform/service/index.ts'
import { servingService } from './index.ts'
import { testConfig } from './testing.ts'

/**
 * Serving in a process of its own, for tests that kill it: `node SERVING_PROCESS PROJECT_FOLDER CONFIG_OPTIONS [PORT]`. It prints its port once it listens, as
 * `{"listening":PORT}`.
 */
export const SERVING_PROCESS = import.meta.filename

if (process.argv[1] === SERVING_PROCESS) {
  const [, , projectFolder = '.', options = '{}', port = '0'] = process.argv
  const running = await runService(servingService, testConfig(JSON.parse(options)), { projectFolder, port: Number(port) })
  process.stdout.write(`{"listening":${running.port}}\n`)
  process.on('SIGTERM', () => void running.stop().then(() => process.exit(0)))
}

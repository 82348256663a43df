import { type Command, Argument } from 'commander'
import { SERVICE_NAMES, type ServiceName } from '../platform/config/index.ts'
import { toMillraceError } from '../platform/errors/index.ts'
import { loadProject } from './project.ts'
import { SERVICES } from './services.ts'

/** How long an orderly stop may take before the process goes anyway; the supervisor's patience is longer. */
const STOP_PATIENCE_MS = 8000

export function register(program: Command): void {
  program
    .command('serve')
    .description('run one service in the foreground')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICE_NAMES))
    .action((name: ServiceName) => serve(name))
}

async function serve(name: ServiceName): Promise<void> {
  const { config, folder } = loadProject()
  // Under a supervisor that was killed with -9 nobody would ever stop this process: its end of the channel closes instead. Until there is
  // something to stop, leaving is enough.
  const leave = (): void => process.exit(1)
  if (process.channel) process.once('disconnect', leave)
  const running = await SERVICES[name](config, { projectFolder: folder })
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), STOP_PATIENCE_MS).unref()
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`stopping on ${signal}: ${toMillraceError(error).message}\n`)
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
  process.off('disconnect', leave)
  if (process.channel) process.on('disconnect', () => stop('SIGTERM'))
}

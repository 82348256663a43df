import { flushCompileCache } from 'node:module'
import { type Command, Argument } from 'commander'
import { SERVICE_NAMES, type ServiceName } from '../platform/config/names.ts'
import { MillraceError, toMillraceError } from '../platform/errors/index.ts'
import { STOP_MS } from '../platform/service/stopping.ts'
import type { Project } from './project.ts'
import { SERVING_OPTIONS, type ServingOptions, addServingOptions, withServingOptions } from './serve-serving.ts'
import { type TrackingOptions, addTrackingOptions, withTrackingOptions } from './serve-tracking.ts'

export function register(program: Command): void {
  const command = program
    .command('serve')
    .description('run one service in the foreground; `serve tracking --data FOLDER` and `serve serving --models FOLDER` need no project')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICE_NAMES))
    .action((name: ServiceName, options: Options) => serve(name, options))
  addTrackingOptions(addServingOptions(command))
}

type Options = TrackingOptions & ServingOptions & { readonly serveArtifacts?: boolean }

async function serve(name: ServiceName, options: Options): Promise<void> {
  const { folder, config, database } = await settings(name, options)
  if (name === 'tracking' && config.tracking?.external !== undefined) {
    throw new MillraceError('USAGE', `tracking.external: this project uses the MLflow server at ${config.tracking.external}, so there is no tracking service of its own; without that key there is one`)
  }
  const { SERVICES } = await import('./services.ts')
  // Under a supervisor that was killed with -9 nobody would ever stop this process: its end of the channel closes instead. Until there is
  // something to stop, leaving is enough.
  const leave = (): void => process.exit(1)
  if (process.channel) process.once('disconnect', leave)
  // The listener keeps the channel, and with it this process, open: a service that could not start must end, not wait to be killed.
  const running = await SERVICES[name](config, { projectFolder: folder, ...(database === undefined ? {} : { database }) })
    .catch((error: unknown) => {
      // It has been stopped; what would keep the process all the same must not, for then nobody starts it anew.
      setTimeout(() => process.exit(), STOP_MS).unref()
      throw error
    })
    .finally(() => process.off('disconnect', leave))
  // For the next start; the cache is else written at the end, which a service that is killed does not have.
  flushCompileCache()
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return
    stopping = true
    // The supervisor's patience is longer.
    setTimeout(() => process.exit(1), running.stopMs).unref()
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`stopping on ${signal}: ${toMillraceError(error).message}\n`)
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
  if (process.channel) process.on('disconnect', () => stop('SIGTERM'))
}

interface Settings extends Project {
  readonly database: string | undefined
}

/** The project's configuration; where the command line names a place for what one service alone needs, the defaults do. */
async function settings(name: ServiceName, { serveArtifacts: _always, models, grpcPort, ...options }: Options): Promise<Settings> {
  const { projectConfigSchema } = await import('../domain/config.ts')
  const { parseConfig } = await import('../platform/config/index.ts')
  const { loadProject } = await import('./project.ts')
  const alone = { ...(models === undefined ? {} : { models }), ...(grpcPort === undefined ? {} : { grpcPort }) }
  const given = [...(models === undefined ? [] : ['models']), ...(grpcPort === undefined ? [] : ['grpc-port']), ...Object.keys(options)]
  if (given.length === 0) return { ...loadProject(), database: undefined }
  const byDefault = (project: string): Project => ({ folder: process.cwd(), config: parseConfig(projectConfigSchema, `project: ${project}\n`, 'the defaults', process.env) })
  if (name === 'serving') {
    const [foreign] = given.filter((option) => !SERVING_OPTIONS.has(option))
    if (foreign !== undefined) throw new MillraceError('USAGE', `--${foreign} is for \`serve tracking\``)
    const { folder, config } = models === undefined ? loadProject() : byDefault('serving')
    return { folder, config: withServingOptions(config, { ...alone, ...options }), database: undefined }
  }
  if (name !== 'tracking') throw new MillraceError('USAGE', `--${given[0]} is for \`serve tracking\` and \`serve serving\`; the others take their settings from millrace.yaml`)
  if (models !== undefined || grpcPort !== undefined) throw new MillraceError('USAGE', `--${given[0]} is for \`serve serving\``)
  const project = options.data !== undefined || options.backendStoreUri !== undefined ? byDefault('tracking') : loadProject()
  return { folder: project.folder, ...withTrackingOptions(project.config, options) }
}

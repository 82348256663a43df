import { type Command, Argument } from 'commander'
import { SERVICE_NAMES, type ServiceName } from '../platform/config/names.ts'
import type { Migration } from '../platform/db/index.ts'
import { MillraceError } from '../platform/errors/index.ts'

interface RollbackOptions {
  readonly to: string
  readonly data?: string
  readonly database?: string
}

const MIGRATIONS: Readonly<Record<ServiceName, () => Promise<readonly Migration[]>>> = {
  gateway: async () => (await import('../gateway/index.ts')).gatewayService.migrations,
  tracking: async () => (await import('../training/index.ts')).trackingService.migrations,
  features: async () => (await import('../data/features/index.ts')).featuresService.migrations,
  serving: async () => (await import('../serving/index.ts')).servingService.migrations,
  monitor: async () => (await import('../monitoring/index.ts')).monitorService.migrations,
  pipelines: async () => (await import('../data/pipeline/executions/index.ts')).pipelinesService.migrations,
}

export function register(program: Command): void {
  program
    .command('db')
    .description('the databases of the services; their migrations are applied by themselves, at the start')
    .command('rollback')
    .description('take migrations of one service back, newest first, with the program that made them; the service must be stopped')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICE_NAMES))
    .requiredOption('--to <migration>', 'the last one that stays, such as 003-events')
    .option('--data <folder>', 'folder of the state, as `serve tracking --data` had it')
    .option('--database <url>', 'postgresql://… or sqlite:PATH (default: that of millrace.yaml)')
    .action(rollback)
}

async function rollback(service: ServiceName, { to, data, database }: RollbackOptions): Promise<void> {
  const { resolve } = await import('node:path')
  const { projectConfigSchema } = await import('../domain/config.ts')
  const { databaseUrl, parseConfig } = await import('../platform/config/index.ts')
  const { rollBackDatabase } = await import('../platform/db/index.ts')
  const { loadProject } = await import('./project.ts')
  const alone = data !== undefined || database !== undefined
  const { config, folder } = alone ? { config: parseConfig(projectConfigSchema, 'project: tracking\n', 'the defaults', process.env), folder: process.cwd() } : loadProject()
  const placed = data === undefined ? config : { ...config, storage: { ...config.storage, folder: resolve(data) } }
  const url = database ?? databaseUrl(placed, folder, service)
  if (url.startsWith('sqlite:')) {
    const { existsSync } = await import('node:fs')
    const file = url.slice('sqlite:'.length)
    if (!existsSync(file)) throw new MillraceError('NOT_FOUND', `${file}: there is no such database`)
  }
  const undone = await rollBackDatabase({ url, schema: service, migrations: await MIGRATIONS[service]() }, to)
  process.stdout.write(undone.length === 0 ? `${to} is the last one already; nothing was changed\n` : undone.map((name) => `took back  ${name}\n`).join(''))
}

import { type Command, Argument } from 'commander'
import { SERVICE_NAMES, type ServiceName } from '../platform/config/names.ts'
import type { DatabaseOptions, Migration } from '../platform/db/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import type { Project } from './project.ts'

interface PlaceOptions {
  readonly data?: string
  readonly database?: string
}

interface RollbackOptions extends PlaceOptions {
  readonly to: string
}

interface StatusOptions extends PlaceOptions {
  readonly json?: true
}

const PATIENCE_MS = 5000

const MIGRATIONS: Readonly<Record<ServiceName, () => Promise<readonly Migration[]>>> = {
  gateway: async () => (await import('../gateway/index.ts')).gatewayService.migrations,
  tracking: async () => (await import('../training/index.ts')).trackingService.migrations,
  features: async () => (await import('../data/features/index.ts')).featuresService.migrations,
  serving: async () => (await import('../serving/index.ts')).servingService.migrations,
  monitor: async () => (await import('../monitoring/index.ts')).monitorService.migrations,
  pipelines: async () => (await import('../data/pipeline/executions/index.ts')).pipelinesService.migrations,
}

export function register(program: Command): void {
  const db = program.command('db').description('the databases of the services; their migrations are applied by themselves, at the start')
  const placed = (name: string, description: string) =>
    db
      .command(name)
      .description(description)
      .option('--data <folder>', 'folder of the state, as `serve tracking --data` had it')
      .option('--database <url>', 'postgresql://… or sqlite:PATH (default: that of millrace.yaml)')
  placed('status', 'which migrations the databases have, and what the next start would bring; changes nothing')
    .addArgument(new Argument('[service]', 'the service (default: all)').choices(SERVICE_NAMES))
    .option('--json', 'print it as JSON')
    .action(status)
  placed('rollback', 'take migrations of one service back, newest first, with the program that made them; the service must be stopped')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICE_NAMES))
    .requiredOption('--to <migration>', 'the last one that stays, such as 003-events')
    .action(rollback)
}

async function status(service: ServiceName | undefined, { json, ...options }: StatusOptions): Promise<void> {
  const { databaseStatus } = await import('../platform/db/index.ts')
  const names = service === undefined ? SERVICE_NAMES : [service]
  const found = []
  for (const name of names) found.push({ service: name, ...(await databaseStatus((await place(name, options)).database)) })
  if (json) process.stdout.write(`${JSON.stringify(found)}\n`)
  else {
    for (const { service: name, ...migrations } of found) {
      for (const state of ['applied', 'pending', 'unknown'] as const) for (const migration of migrations[state]) process.stdout.write(`${name.padEnd(10)} ${state.padEnd(8)} ${migration}\n`)
    }
  }
}

async function rollback(service: ServiceName, { to, ...options }: RollbackOptions): Promise<void> {
  const { rollBackDatabase } = await import('../platform/db/index.ts')
  const { database, project } = await place(service, options)
  const file = database.url.startsWith('sqlite:') ? database.url.slice('sqlite:'.length) : undefined
  if (file !== undefined) {
    const { existsSync } = await import('node:fs')
    if (!existsSync(file)) throw new MillraceError('NOT_FOUND', `${file}: there is no such database`)
  }
  // PostgreSQL does not tell whose a connection is.
  if (project !== undefined) await refuseRunning(project, service)
  const undone = await rollBackDatabase(database, to)
  process.stdout.write(undone.length === 0 ? `${to} is the last one already; nothing was changed\n` : undone.map((name) => `took back  ${name}\n`).join(''))
  if (undone.length === 0 || file === undefined) return
  const { dirname, join } = await import('node:path')
  process.stdout.write(`copy       of the database as it was: in ${join(dirname(file), 'backups')}, ending in before-leaving-${undone[0]}.db\n`)
}

async function place(service: ServiceName, { data, database }: PlaceOptions): Promise<{ readonly database: DatabaseOptions; readonly project: Project | undefined }> {
  const { resolve } = await import('node:path')
  const { projectConfigSchema } = await import('../domain/config.ts')
  const { databaseUrl, parseConfig } = await import('../platform/config/index.ts')
  const { loadProject } = await import('./project.ts')
  const project = data === undefined && database === undefined ? loadProject() : undefined
  const { config, folder } = project ?? { config: parseConfig(projectConfigSchema, 'project: tracking\n', 'the defaults', process.env), folder: process.cwd() }
  const placed = data === undefined ? config : { ...config, storage: { ...config.storage, folder: resolve(data) } }
  const url = database ?? databaseUrl(placed, folder, service)
  return { database: { url, schema: service, migrations: await MIGRATIONS[service]() }, project }
}

async function refuseRunning(project: Project, service: ServiceName): Promise<void> {
  const { controlClient } = await import('../../sdk/control.ts')
  const { connect } = await import('./connect.ts')
  const running = await controlClient(connect(project, service, { timeoutMs: PATIENCE_MS }))
    .watermark()
    // Another project's service, or a stranger, that is at this address says nothing of this database.
    .then(() => true, (error: unknown) => error instanceof DOMException && error.name === 'TimeoutError')
  if (running) throw new MillraceError('DATABASE_IN_USE', `${service} is running: stop it (and \`millrace up\`, which would start it again); nothing was changed`)
}

import type { Command } from 'commander'
import type { ServiceName } from '../platform/config/names.ts'
import { MillraceError, toMillraceError } from '../platform/errors/index.ts'
import type { Project } from './project.ts'

interface ServiceReport {
  readonly service: ServiceName
  readonly url: string
  /** Project time; null where the service does not answer. */
  readonly time: string | null
  readonly waiting_for: readonly string[]
  readonly error: string | null
}

/** The monitor waits a second for the journal before it says that it is behind. */
const PATIENCE_MS = 5000

export function register(program: Command): void {
  program
    .command('status')
    .description('which services answer, what project time it is for each, and what is due and not done')
    .option('--json', 'print it as JSON')
    .action(status)
}

async function status(options: { readonly json?: boolean }): Promise<void> {
  const { ownServices } = await import('../platform/config/index.ts')
  const { loadProject } = await import('./project.ts')
  const project = loadProject()
  const reports = await Promise.all(ownServices(project.config).map((name) => report(project, name)))
  process.stdout.write(options.json ? `${JSON.stringify(reports)}\n` : reports.map(line).join(''))
  const silent = reports.filter(({ time }) => time === null).map(({ service }) => service)
  if (silent.length > 0) throw new MillraceError('UNAVAILABLE', `no good answer from ${silent.join(', ')}; \`millrace up\` starts the services, and each has its log in ${project.config.storage.folder}/logs`)
}

async function report(project: Project, service: ServiceName): Promise<ServiceReport> {
  const { controlClient } = await import('../../sdk/control.ts')
  const { serviceUrl } = await import('../platform/config/index.ts')
  const { connect } = await import('./connect.ts')
  const url = serviceUrl(project.config, service)
  try {
    const { time, waiting_for } = await controlClient(connect(project, service, { timeoutMs: PATIENCE_MS })).watermark()
    return { service, url, time, waiting_for, error: null }
  } catch (error) {
    return { service, url, time: null, waiting_for: [], error: toMillraceError(error).message }
  }
}

function line({ service, url, time, waiting_for, error }: ServiceReport): string {
  const state = error ?? (waiting_for.length === 0 ? 'caught up' : `waits for ${waiting_for.join('; ')}`)
  return `${service.padEnd(10)} ${url.padEnd(24)} ${(time?.slice(0, 19) ?? '-').padEnd(20)} ${state}\n`
}

import type { Command } from 'commander'
import { trackingClient } from '../../sdk/tracking.ts'
import { trackProject } from '../data/pipeline/executions/track.ts'
import { openProject } from '../data/versioning/index.ts'
import { serviceUrl } from '../platform/config/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import { connect } from './connect.ts'
import { loadProject } from './project.ts'

interface TrackOptions {
  readonly register?: string
  readonly experiment?: string
  readonly tracking?: string
  readonly json?: boolean
}

const RETRY_MS = 10_000

export function register(program: Command): void {
  program
    .command('track')
    .description('log what the pipeline made (dvc.lock, parameters, metrics, plots, model) as a run of the tracking service')
    .option('--register <model>', 'register the model as a new version of this name')
    .option('--experiment <name>', 'experiment of the run (default: the registered model, else the project)')
    .option('--tracking <url>', 'address of the tracking service (default: MLFLOW_TRACKING_URI, else that of millrace.yaml)')
    .option('--json', 'print the ids as JSON')
    .action(track)
}

async function track(options: TrackOptions): Promise<void> {
  const project = loadProject()
  const { config, folder } = project
  const address = trackingAddress(options.tracking ?? process.env.MLFLOW_TRACKING_URI) ?? serviceUrl(config, 'tracking')
  const tracking = trackingClient(connect(project, 'tracking', { address, retryForMs: RETRY_MS }))
  const tracked = await trackProject(openProject(folder), tracking, {
    experiment: options.experiment ?? options.register ?? config.project,
    ...(options.register === undefined ? {} : { model: options.register }),
  })
  if (options.json) {
    process.stdout.write(`${JSON.stringify(tracked)}\n`)
    return
  }
  process.stdout.write(`run_id    ${tracked.run_id}\n`)
  if (tracked.version !== null) process.stdout.write(`version   ${tracked.version} of ${options.register ?? ''}\n`)
  process.stdout.write(`tracking  ${address}\n`)
}

function trackingAddress(given: string | undefined): string | undefined {
  if (given === undefined || given === '') return undefined
  if (/^https?:\/\//.test(given)) return given.replace(/\/+$/, '')
  throw new MillraceError('USAGE', `tracking address: found ${JSON.stringify(given)}, expected http://… or https://…`)
}

import type { Command } from 'commander'

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
  const { trackingClient } = await import('../../sdk/tracking.ts')
  const { trackProject } = await import('../data/pipeline/executions/track.ts')
  const { openProject } = await import('../data/versioning/index.ts')
  const { serviceUrl } = await import('../platform/config/index.ts')
  const { connect } = await import('./connect.ts')
  const { loadProject } = await import('./project.ts')
  const { trackingAddress } = await import('./tracking-address.ts')
  const project = loadProject()
  const { config, folder } = project
  const address = trackingAddress(options.tracking) ?? serviceUrl(config, 'tracking')
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

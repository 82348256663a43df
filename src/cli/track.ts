import type { Command } from 'commander'
import { MillraceError } from '../platform/errors/index.ts'

interface TrackOptions {
  readonly register?: string
  readonly candidate?: true
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
    .option('--candidate', "hand that version to the monitor's gate; it needs a retraining policy for the model")
    .option('--experiment <name>', 'experiment of the run (default: the registered model, else the project)')
    .option('--tracking <url>', 'address of the tracking service (default: MLFLOW_TRACKING_URI, else that of millrace.yaml)')
    .option('--json', 'print the ids as JSON')
    .action(track)
}

async function track(options: TrackOptions): Promise<void> {
  const { register: model, candidate: submits } = options
  if (submits && model === undefined) throw new MillraceError('USAGE', '--candidate: a version is handed to the gate, so --register MODEL must name what it is one of')
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
  const { candidateLine, submitCandidate } = await import('./models/submit.ts')
  const candidate = submits && model !== undefined && tracked.version !== null ? await submitCandidate(project, model, tracked.version) : undefined
  if (options.json) {
    process.stdout.write(`${JSON.stringify(candidate === undefined ? tracked : { ...tracked, candidate })}\n`)
    return
  }
  process.stdout.write(`run_id    ${tracked.run_id}\n`)
  if (tracked.version !== null) process.stdout.write(`version   ${tracked.version} of ${options.register ?? ''}\n`)
  if (candidate !== undefined) process.stdout.write(`${candidateLine(candidate)}\n`)
  process.stdout.write(`tracking  ${address}\n`)
}

import { once as eventOnce } from 'node:events'
import { resolve } from 'node:path'
import type { Command } from 'commander'

interface DemoOptions {
  readonly folder: string
  readonly full: boolean
  readonly exit: boolean
  readonly json?: string
}

const TENTH = 0.1

export function register(program: Command): void {
  program
    .command('demo')
    .description('the whole loop on the flights of 2013: a model is born, served, drifts, is retrained, judged and promoted')
    .option('--folder <folder>', 'where the demo makes its project', './flights-demo')
    .option('--full', 'all flights instead of a tenth', false)
    .option('--exit', 'stop everything at the end', false)
    .option('--json <file>', 'write the summary for machines')
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const begun = Date.now()
  const { openDemoFolder } = await import('./demo/folder.ts')
  const folder = openDemoFolder(options.folder, options.full ? 1 : TENTH)
  const { loadProject } = await import('./project.ts')
  const { serviceUrl } = await import('../platform/config/index.ts')
  const { writeFileDurable } = await import('../platform/fs/index.ts')
  const { createSupervisor } = await import('./supervise.ts')
  const { runSteps } = await import('./demo/run.ts')
  const { renderSummary } = await import('./demo/summary.ts')

  const project = loadProject(folder.path)
  const supervisor = createSupervisor(project)
  const stopped = new AbortController()
  const interrupt = (): void => stopped.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const summary = await runSteps({ folder, project, supervisor, begun, signal: stopped.signal })
    if (stopped.signal.aborted) return
    process.stdout.write(`${renderSummary(summary)}\n`)
    if (options.json !== undefined) writeFileDurable(resolve(options.json), `${JSON.stringify(summary, null, 2)}\n`)
    const at = (name: Parameters<typeof serviceUrl>[1]): string => serviceUrl(project.config, name)
    process.stdout.write(`  console   ${at('gateway')}\n  tracking  ${at('tracking')}   (MLFLOW_TRACKING_URI)\n  serving   ${at('serving')}/docs\n  monitor   ${at('monitor')}/docs\n\n`)
    if (options.exit) return
    process.stdout.write('Everything keeps running. Ctrl-C stops it; the same command goes on with it.\n')
    if (!stopped.signal.aborted) await eventOnce(stopped.signal, 'abort')
  } finally {
    await supervisor.stop()
  }
}

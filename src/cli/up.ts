import { once } from 'node:events'
import type { Command } from 'commander'
import type { ServiceName } from '../platform/config/index.ts'

export function register(program: Command): void {
  program.command('up').description('run all services of this project, and restart those that die, until Ctrl-C').action(up)
}

async function up(): Promise<void> {
  const { serviceUrl } = await import('../platform/config/index.ts')
  const { buildConsole } = await import('./console.ts')
  const { loadProject } = await import('./project.ts')
  const { createSupervisor } = await import('./supervise.ts')
  const project = loadProject()
  const supervisor = createSupervisor(project)
  supervisor.on('status', ({ name, state, reason }) => {
    if (state !== 'waiting') process.stdout.write(`${new Date().toISOString()}  ${name.padEnd(10)} ${state}${reason === undefined ? '' : `: ${reason}`}\n`)
  })
  const stopped = new AbortController()
  // A reader of this output that goes away (`millrace up | head`) ends it as Ctrl-C does.
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process.stdout, 'error')]).then(() => {
    stopped.abort()
  })
  const built = buildConsole((line) => process.stdout.write(`${line}\n`), stopped.signal)
  try {
    await Promise.race([supervisor.start(), interrupted])
    if (stopped.signal.aborted) return
    const at = (name: ServiceName): string => serviceUrl(project.config, name)
    process.stdout.write(`\nconsole   ${at('gateway')}\ntracking  ${at('tracking')}   (MLFLOW_TRACKING_URI)\nserving   ${at('serving')}/docs\nCtrl-C stops everything.\n\n`)
    await interrupted
  } finally {
    stopped.abort()
    await Promise.all([supervisor.stop(), built])
  }
}

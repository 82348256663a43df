import { once } from 'node:events'
import type { Command } from 'commander'
import { serviceUrl } from '../platform/config/index.ts'
import { loadProject } from './project.ts'
import { createSupervisor } from './supervise.ts'

export function register(program: Command): void {
  program.command('up').description('run all services of this project, and restart those that die, until Ctrl-C').action(up)
}

async function up(): Promise<void> {
  const project = loadProject()
  const supervisor = createSupervisor(project)
  supervisor.on('status', ({ name, state, reason }) => {
    if (state !== 'waiting') process.stdout.write(`${new Date().toISOString()}  ${name.padEnd(10)} ${state}${reason === undefined ? '' : `: ${reason}`}\n`)
  })
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  try {
    await Promise.race([supervisor.start(), interrupted])
    process.stdout.write(`\nconsole  ${serviceUrl(project.config, 'gateway')}\nCtrl-C stops everything.\n\n`)
    await interrupted
  } finally {
    await supervisor.stop()
  }
}

import type { Command } from 'commander'
import { MillraceError } from '../platform/errors/index.ts'

export function register(program: Command): void {
  program
    .command('clock')
    .description('move simulated project time forward, and wait until every service has done what was due by then')
    .argument('<moment>', 'RFC 3339, such as 2024-07-15T00:00:00Z')
    .action(move)
}

async function move(text: string): Promise<void> {
  const { controlClient } = await import('../../sdk/control.ts')
  const { eventsClient } = await import('../../sdk/events.ts')
  const { timeOf } = await import('../domain/moment.ts')
  const { ownServices } = await import('../platform/config/index.ts')
  const { connect } = await import('./connect.ts')
  const { timeDriver } = await import('./demo/time.ts')
  const { loadProject } = await import('./project.ts')
  const to = new Date(timeOf(text))
  if (Number.isNaN(to.getTime())) throw new MillraceError('USAGE', `moment: found ${JSON.stringify(text)}, expected RFC 3339, such as 2024-07-15T00:00:00Z`)
  const project = loadProject()
  if (project.config.clock === 'wall') throw new MillraceError('CLOCK_NOT_SIMULATED', 'project time is wall time here: set `clock: {simulated: …}` in millrace.yaml to move it')
  const driver = timeDriver({
    control: ownServices(project.config).map((name) => ({ name, ...controlClient(connect(project, name)) })),
    events: eventsClient(connect(project, 'gateway')),
  })
  let told = ''
  await driver.advance(to, (what) => {
    if (what !== told) process.stderr.write(`waiting for ${what}\n`)
    told = what
  })
  process.stdout.write(`project time is ${to.toISOString()}; everything due is done\n`)
}

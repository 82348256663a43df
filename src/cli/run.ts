import { Command } from 'commander'
import { VERSION } from '../platform/version.ts'
import { COMMANDS, isCommand } from './commands.ts'

/** Loads only the command that was asked for: `millrace train` must not pay for the console's or the services' modules. Throws CommanderError and MillraceError. */
export async function runCommand(argv: readonly string[]): Promise<void> {
  const program = new Command('millrace')
    .description('The whole life of a machine-learning model: version, validate, train, track, serve, watch, retrain, promote.')
    .option('-C, --project <folder>', 'run as if started in this folder', '.')
    .showHelpAfterError('(run millrace --help)')
    .configureOutput({ outputError: (text, write) => write(`millrace: USAGE: ${text.replace(/^error: /, '')}`) })
    .exitOverride()
    .hook('preAction', async (command) => {
      const { project }: { project?: string } = command.opts()
      if (project !== undefined && project !== '.') process.chdir(project)
      await warn()
    })
  const name = argv.find((argument, i) => !argument.startsWith('-') && !['-C', '--project'].includes(argv[i - 1] ?? ''))
  // A command may have a --version of its own, as `replay` has: that of the program is for the program alone.
  if (name === undefined || !isCommand(name)) program.version(VERSION)
  const wanted = name !== undefined && isCommand(name) ? [name] : Object.keys(COMMANDS).filter(isCommand)
  for (const key of wanted) (await COMMANDS[key]()).register(program)
  await program.parseAsync([...argv], { from: 'user' })
}

/** Once, in the process that the user started: not in each service of a supervisor and each stage of a pipeline. */
async function warn(): Promise<void> {
  if (process.channel || process.env['DVC_STAGE'] !== undefined) return
  const { environmentWarnings } = await import('./environment.ts')
  for (const line of await environmentWarnings(process.env)) process.stderr.write(`millrace: warning: ${line}\n`)
}

import { Command, CommanderError } from 'commander'
import { COMMANDS, isCommand } from './cli/commands.ts'
import { toMillraceError } from './platform/errors/index.ts'
import { VERSION } from './platform/version.ts'

const USAGE_EXIT = 64

/** Loads only the command that was asked for: `millrace train` must not pay for the console's or the services' modules. */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('millrace')
    .description('The whole life of a machine-learning model: version, validate, train, track, serve, watch, retrain, promote.')
    .version(VERSION)
    .option('-C, --project <folder>', 'run as if started in this folder', '.')
    .showHelpAfterError('(run millrace --help)')
    .exitOverride()
    .hook('preAction', (command) => {
      const { project }: { project?: string } = command.opts()
      if (project !== undefined && project !== '.') process.chdir(project)
    })
  const name = argv.find((argument, i) => !argument.startsWith('-') && !['-C', '--project'].includes(argv[i - 1] ?? ''))
  const wanted = name !== undefined && isCommand(name) ? [name] : Object.keys(COMMANDS).filter(isCommand)
  for (const key of wanted) (await COMMANDS[key]()).register(program)
  await program.parseAsync([...argv], { from: 'user' })
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT
  } else {
    const known = toMillraceError(error)
    process.stderr.write(`millrace: ${known.code}: ${known.message}\n`)
    if (known.code === 'INTERNAL' && known.cause instanceof Error) process.stderr.write(`${known.cause.stack ?? ''}\n`)
    process.exitCode = known.exitCode
  }
}

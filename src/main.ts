import { CommanderError } from 'commander'
import { runCommand } from './cli/run.ts'
import { toMillraceError } from './platform/errors/index.ts'

const USAGE_EXIT = 64

try {
  await runCommand(process.argv.slice(2))
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

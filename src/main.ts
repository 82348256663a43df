import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const USAGE_EXIT = 64

// A start takes half the time when Node finds modules compiled, and stripped of types, by an earlier one. Only what is imported after this call is looked up there,
// so everything is. Where the folder cannot be written, Node goes on without.
const caches = process.platform === 'win32' ? process.env['LOCALAPPDATA'] : process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : process.env['XDG_CACHE_HOME']
enableCompileCache(join(caches || join(homedir(), '.cache'), 'millrace', 'compiled'))

const { CommanderError } = await import('commander')
const { toMillraceError } = await import('./platform/errors/index.ts')
const { runCommand } = await import('./cli/run.ts')

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

import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { MillraceError, errnoCode } from '../errors/index.ts'

const execFileAsync = promisify(execFile)
const MAX_OUTPUT = 64 * 1024 * 1024

export interface GitOptions {
  /** Exit codes beside 0 that are answers, not failures (`git check-ignore` answers "no" with 1). */
  readonly accept?: readonly number[]
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Only for `gitSync`. */
  readonly input?: string
}

export interface GitAnswer {
  readonly code: number
  readonly stdout: string
}

/** Runs `git` in `cwd` and waits, blocking. For questions that take milliseconds. Throws GIT_FAILED with the command and what it said. */
export function gitSync(cwd: string, args: readonly string[], options: GitOptions = {}): GitAnswer {
  const run = spawnSync('git', args, { cwd, encoding: 'utf8', env: environment(options), maxBuffer: MAX_OUTPUT, ...(options.input === undefined ? {} : { input: options.input }) })
  if (run.error) throw failure(cwd, args, run.error, '')
  const code = run.status ?? 128
  if (code !== 0 && !options.accept?.includes(code)) throw failure(cwd, args, undefined, run.stderr)
  return { code, stdout: run.stdout }
}

/** The same without blocking. */
export async function git(cwd: string, args: readonly string[], options: GitOptions = {}): Promise<GitAnswer> {
  try {
    const { stdout } = await execFileAsync('git', args, {
      cwd, encoding: 'utf8', env: environment(options), maxBuffer: MAX_OUTPUT, ...(options.signal ? { signal: options.signal } : {}),
    })
    return { code: 0, stdout }
  } catch (error) {
    const code = exitCode(error)
    if (code !== undefined && options.accept?.includes(code)) return { code, stdout: output(error, 'stdout') }
    throw failure(cwd, args, error, output(error, 'stderr'))
  }
}

/** A call from inside a Git hook would otherwise work on the hook's repository, whatever its folder. */
const FOREIGN = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_COMMON_DIR', 'GIT_PREFIX', 'GIT_NAMESPACE']

function environment(options: GitOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' }
  for (const name of FOREIGN) delete env[name]
  return { ...env, ...options.env }
}

function failure(cwd: string, args: readonly string[], error: unknown, stderr: string): MillraceError {
  if (errnoCode(error) === 'ENOENT') {
    const why = existsSync(cwd) ? 'git is not installed or not on the PATH' : `the folder ${cwd} does not exist`
    return new MillraceError('GIT_FAILED', `git ${args[0] ?? ''}: ${why}`, { cause: error })
  }
  if (error instanceof Error && error.name === 'AbortError') return new MillraceError('CANCELLED', `git ${args[0] ?? ''} was cancelled`, { cause: error })
  const said = stderr.trim() || (error instanceof Error ? error.message : 'it failed without a word')
  return new MillraceError('GIT_FAILED', `git ${args.join(' ')} in ${cwd}: ${said}`, { cause: error })
}

function exitCode(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

function output(error: unknown, stream: 'stdout' | 'stderr'): string {
  if (typeof error !== 'object' || error === null || !(stream in error)) return ''
  const text: unknown = Reflect.get(error, stream)
  return typeof text === 'string' ? text : ''
}

import { spawn } from 'node:child_process'
import { basename, delimiter, join } from 'node:path'
import { Writable } from 'node:stream'
import { MillraceError } from '../../platform/errors/index.ts'
import { nameOf, type Project } from '../versioning/project.ts'
import { recordRun } from './orphans.ts'
import { shimFolder } from './shim.ts'
import type { Stage } from './stage.ts'

export interface StageOutput {
  readonly stage: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

export interface CommandOptions {
  readonly signal?: AbortSignal
  readonly onOutput?: (output: StageOutput) => void
  /** Beside this process's environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** Milliseconds that a stage has to end after SIGTERM before SIGKILL. */
const GRACE = 5000
const TAIL_LINES = 20
const TAIL_CHARS = 8000

/**
 * Runs the commands of a stage one after the other, each in its own shell as DVC does: a list, or the lines of a text. Throws
 * PIPELINE_STAGE_FAILED with the exit code and the last lines it wrote, or CANCELLED when the signal fires; then the whole process group is gone.
 */
export async function runStageCommands(project: Project, stage: Stage, options: CommandOptions): Promise<void> {
  const lines = typeof stage.cmd === 'string' ? stage.cmd.split(/\r\n|[\n\r]/).filter((line) => line !== '') : stage.cmd
  // What a user's programs compile is not kept among ours: see bin/entry.mjs.
  const { NODE_COMPILE_CACHE: cache, ...inherited } = process.env
  const env = {
    ...inherited, ...(cache === undefined || cache.endsWith(join('millrace', 'compiled')) ? {} : { NODE_COMPILE_CACHE: cache }), ...options.env,
    PATH: [shimFolder(project), options.env?.PATH ?? process.env.PATH ?? ''].join(delimiter),
    DVC_ROOT: project.root,
    DVC_STAGE: stage.address,
  }
  for (const line of lines) await runOne(project, stage, line, env, options)
}

/**
 * Holds the command back until a line comes on descriptor 3: until its group stands on disk. A runner killed before that closes the descriptor, and nothing is
 * run; one killed after it leaves an orphan that the next runner finds.
 */
const WAIT_THEN_RUN = 'read -r _ <&3 && exec 3<&- && exec "$0" "$@"'

function letGo(child: Child): void {
  const gate = child.stdio[3]
  if (!(gate instanceof Writable)) return
  // Where the shell has ended already its exit says so.
  gate.on('error', () => undefined)
  gate.end('\n')
}

async function runOne(project: Project, stage: Stage, line: string, env: NodeJS.ProcessEnv, options: CommandOptions): Promise<void> {
  if (options.signal?.aborted) throw cancelled(stage)
  const { command, args } = shellFor(line)
  const child = spawn('/bin/sh', ['-c', WAIT_THEN_RUN, command, ...args], { cwd: stage.wdir, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const forget = child.pid === undefined ? () => undefined : recordRun(project, child.pid)
  letGo(child)
  const tails = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      tails[stream] = (tails[stream] + text).slice(-TAIL_CHARS)
      options.onOutput?.({ stage: stage.address, stream, text })
    })
  }
  let killer: NodeJS.Timeout | undefined
  const stop = () => {
    killGroup(child.pid, 'SIGTERM')
    killer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE)
  }
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    const { code, signal } = await ended(child)
    if (options.signal?.aborted) throw cancelled(stage)
    if (code !== 0) throw failed(project, stage, line, signal === null ? `exit code ${code}` : `signal ${signal}`, tails.stderr.trim() || tails.stdout.trim())
  } finally {
    clearTimeout(killer)
    options.signal?.removeEventListener('abort', stop)
    // What the command left behind in its group must not outlive a cancelled run.
    if (options.signal?.aborted) killGroup(child.pid, 'SIGKILL')
    forget()
  }
}

type Child = ReturnType<typeof spawn>

/** The end of the process and of its output; a background process that holds the pipes open is not waited for. */
function ended(child: Child): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new MillraceError('PIPELINE_STAGE_FAILED', `the shell did not start: ${error.message}`, { cause: error })))
    child.once('exit', (code, signal) => {
      const done = () => {
        clearTimeout(patience)
        child.stdout?.destroy()
        child.stderr?.destroy()
        resolve({ code, signal })
      }
      const patience = setTimeout(done, 1000)
      child.once('close', done)
    })
  })
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** DVC runs the user's shell without its start-up files, and /bin/sh where there is none; a shell of another kind would read the command otherwise. */
function shellFor(line: string): { readonly command: string; readonly args: readonly string[] } {
  const shell = process.env.SHELL ?? ''
  if (basename(shell) === 'bash') return { command: shell, args: ['--noprofile', '--norc', '-c', line] }
  if (basename(shell) === 'zsh') return { command: shell, args: ['--no-rcs', '-c', line] }
  return { command: '/bin/sh', args: ['-c', line] }
}

function cancelled(stage: Stage): MillraceError {
  return new MillraceError('CANCELLED', `stage ${stage.address} was cancelled`)
}

function failed(project: Project, stage: Stage, line: string, how: string, said: string): MillraceError {
  const tail = said.split('\n').slice(-TAIL_LINES).join('\n')
  const where = `stage ${stage.address} (in ${nameOf(project, stage.wdir) || '.'})`
  return new MillraceError('PIPELINE_STAGE_FAILED', `${where}: \`${line}\` ended with ${how}${tail === '' ? '' : `:\n${tail}`}`, { details: { stage: stage.address, how, tail } })
}

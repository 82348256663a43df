import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** One of two copies of a project, and the tool that works on it. */
export interface Side {
  readonly name: 'millrace' | 'dvc'
  readonly root: string
  /** In DVC's words: `add`, `status`, `checkout`, `push`, `pull`, `repro`; for Millrace those of `millrace data` and `millrace repro`. */
  run(...args: readonly string[]): Answer
  path(name: string): string
  read(name: string): string
  write(files: Readonly<Record<string, string>>): void
}

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-conformance-')))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function dvcProgram(): string {
  const venv = process.env.MILLRACE_PEERS_VENV
  const program = venv === undefined ? undefined : join(venv, 'bin', 'dvc')
  if (program === undefined || !existsSync(program)) throw new Error('there is no dvc in MILLRACE_PEERS_VENV; run this suite with `npm run conformance conformance/dvc`')
  return program
}

const settings = temporaryFolder()
const ENVIRONMENT = {
  ...process.env, DVC_NO_ANALYTICS: '1', DVC_SITE_CACHE_DIR: join(settings, 'site'), DVC_GLOBAL_CONFIG_DIR: join(settings, 'global'), DVC_SYSTEM_CONFIG_DIR: join(settings, 'system'),
  GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@localhost', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@localhost',
}

export function execute(program: string, args: readonly string[], cwd: string): Answer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', env: ENVIRONMENT, timeout: 120_000 })
  if (error) throw error
  return { code: status ?? 128, stdout, stderr }
}

export function dvc(root: string, ...args: readonly string[]): Answer {
  return execute(dvcProgram(), args, root)
}

export function millrace(root: string, ...args: readonly string[]): Answer {
  return execute(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], root)
}

export function git(root: string, ...args: readonly string[]): string {
  const { code, stdout, stderr } = execute('git', args, root)
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout
}

function side(name: Side['name'], root: string): Side {
  const path = (file: string) => join(root, file)
  return {
    name, root, path,
    read: (file) => readFileSync(path(file), 'utf8'),
    write: (files) => {
      for (const [file, content] of Object.entries(files)) {
        mkdirSync(dirname(path(file)), { recursive: true })
        writeFileSync(path(file), content)
      }
    },
    run: (...args) => (name === 'dvc' ? dvc(root, ...args) : millrace(root, ...(args[0] === 'repro' ? args : ['data', ...args]))),
  }
}

// Made outside of any test, so that they last until the last one.
const template = temporaryFolder()
let prepared = false

/** The same project twice, as `dvc init` makes it, with these files; `prepare` may do more to each. */
export function twoProjects(files: Readonly<Record<string, string>>, prepare: (side: Side) => void = () => undefined): { readonly ours: Side; readonly theirs: Side; readonly sides: readonly Side[] } {
  if (!prepared) {
    prepared = true
    git(template, 'init', '--quiet')
    if (dvc(template, 'init', '--quiet').code !== 0) throw new Error('dvc init failed')
  }
  const made = (['millrace', 'dvc'] as const).map((name) => {
    const root = temporaryFolder()
    cpSync(template, root, { recursive: true })
    const one = side(name, root)
    one.write(files)
    prepare(one)
    return one
  })
  const [ours, theirs] = made
  if (!ours || !theirs) throw new Error('two sides are two')
  return { ours, theirs, sides: made }
}

export interface SnapshotOptions {
  /** Of the cache, modes count; those of the working tree differ: DVC sets 0644 on what it adds. */
  readonly modes?: boolean
}

/** Every file of a folder by name: its mode (if asked), and its bytes or where its link leads. Git's and both tools' own state left out. */
export function snapshot(root: string, options: SnapshotOptions = {}): Readonly<Record<string, string>> {
  const out: Record<string, string> = {}
  const visit = (folder: string): void => {
    for (const name of readdirSync(folder).toSorted()) {
      const path = join(folder, name)
      const key = relative(root, path)
      if (key === '.git' || key === '.dvc/tmp') continue
      const stat = lstatSync(path)
      const mode = options.modes ? `${(stat.mode & 0o7777).toString(8)} ` : ''
      if (stat.isDirectory()) {
        if (options.modes) out[key] = `${mode}folder`
        visit(path)
      } else if (stat.isSymbolicLink()) {
        out[key] = `link ${relative(root, readlinkSync(path))}`
      } else {
        out[key] = mode + readFileSync(path, 'latin1')
      }
    }
  }
  visit(root)
  return out
}

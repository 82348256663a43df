import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { ProjectConfig } from '../domain/config.ts'
import type { StatusEntry } from '../data/pipeline/index.ts'
import type { AddedData, Project } from '../data/versioning/index.ts'

interface Output {
  readonly json?: boolean
}

interface TransferFlags extends Output {
  readonly remote?: string
  readonly runCache?: boolean
}

export function register(program: Command): void {
  const data = program.command('data').description("version data in DVC's formats; `dvc` works on the same project")
  data
    .command('add')
    .description('put files or folders under versioning, or their changes into a new version')
    .argument('<paths...>')
    .option('--json', 'print what was added as JSON')
    .action(add)
  data
    .command('status')
    .description('say what differs from the versions named in .dvc files and dvc.lock')
    .option('--json', 'print it in the layout of `dvc status --json`')
    .option('-q, --quiet', 'print nothing; exit code 1 where something differs')
    .action(status)
  data
    .command('checkout')
    .description('bring data to the versions named, as after `git checkout`')
    .argument('[targets...]', 'files, folders or .dvc files (default: all)')
    .option('-f, --force', 'overwrite changes that were never added')
    .option('--relink', 'make the links to the cache anew, as cache.type says')
    .option('--json', 'print what was done as JSON')
    .action(runCheckout)
  for (const [name, description] of [
    ['push', 'copy to a remote what the project names and the remote lacks'],
    ['pull', 'copy from a remote what the project names and the cache lacks, and check it out'],
  ] as const) {
    data
      .command(name)
      .description(description)
      .option('-r, --remote <name>', 'which remote (default: core.remote of .dvc/config)')
      .option('--run-cache', 'the results of earlier runs of stages too')
      .option('--json', 'print what was done as JSON')
      .action((options: TransferFlags) => transfer(name, options))
  }
}

async function transfer(name: 'push' | 'pull', options: TransferFlags): Promise<void> {
  const { checkout, namedObjects } = await import('../data/pipeline/index.ts')
  const { openProject, pull, push } = await import('../data/versioning/index.ts')
  const project = openProject(process.cwd())
  const move = name === 'push' ? push : pull
  const result = move(project, { ...(options.remote === undefined ? {} : { remote: options.remote }), runCache: options.runCache ?? false, wanted: namedObjects(project) })
  if (name === 'pull') checkout(project)
  print(options, result, `${name}: ${count(result.objects, 'object')} (${bytes(result.bytes)}) ${name === 'push' ? 'to' : 'from'} ${result.remote}`)
}

async function add(paths: readonly string[], options: Output): Promise<void> {
  const { pipelineOwners } = await import('../data/pipeline/index.ts')
  const { addDataset, openProject } = await import('../data/versioning/index.ts')
  const { CONFIG_FILE, loadProject } = await import('./project.ts')
  const base = process.cwd()
  const project = openProject(base)
  const owners = pipelineOwners(project)
  // Read first: a malformed millrace.yaml must be known before anything is added.
  const config = existsSync(join(project.root, CONFIG_FILE)) ? loadProject(project.root).config : undefined
  const added = paths.map((path) => addDataset(project, path, { base, owners }))
  if (config && added.some((entry) => entry.changed)) await tell(project, config, added)
  print(options, added, added.map(describe).join('\n'))
  const toCommit = [...new Set(added.filter((entry) => entry.changed).flatMap((entry) => entry.toCommit))]
  if (!options.json && toCommit.length > 0 && project.gitRoot !== undefined && !project.config.autostage) {
    process.stdout.write(`\nCommit the version: git -C ${project.root} add ${toCommit.join(' ')}\n`)
  }
}

/** New versions are events, where the project is Millrace's (has a millrace.yaml) and not DVC's alone. */
async function tell(project: Project, config: ProjectConfig, added: readonly AddedData[]): Promise<void> {
  const { openProjectOutbox } = await import('../data/pipeline/project-outbox.ts')
  const outbox = await openProjectOutbox(project.root, config)
  try {
    for (const { path, md5, size, nfiles, changed } of added) {
      if (changed) await outbox.emit('dev.millrace.dataset.versioned', path, { path, md5, size, ...(nfiles === undefined ? {} : { nfiles }) })
    }
  } finally {
    await outbox.close()
  }
}

async function status(options: Output & { readonly quiet?: boolean }): Promise<void> {
  const { projectStatus } = await import('../data/pipeline/index.ts')
  const { openProject } = await import('../data/versioning/index.ts')
  const found = projectStatus(openProject(process.cwd()))
  const clean = Object.keys(found).length === 0
  if (options.quiet) process.exitCode = clean ? 0 : 1
  else print(options, found, clean ? 'Data and pipelines are up to date.' : Object.entries(found).map(describeStatus).join('\n'))
}

async function runCheckout(targets: readonly string[], options: Output & { readonly force?: boolean; readonly relink?: boolean }): Promise<void> {
  const { checkout } = await import('../data/pipeline/index.ts')
  const { openProject } = await import('../data/versioning/index.ts')
  const project = openProject(process.cwd())
  const result = checkout(project, {
    force: options.force ?? false, relink: options.relink ?? false, ...(targets.length === 0 ? {} : { targets: targets.map((target) => resolve(target)) }),
  })
  const lines = [...result.added.map((path) => `added     ${path}`), ...result.modified.map((path) => `modified  ${path}`)]
  print(options, result, lines.length === 0 ? 'Everything is as the versions say.' : `${lines.join('\n')}\n${count(result.written, 'file')} written, ${result.removed} removed`)
}

function print(options: Output, value: unknown, text: string): void {
  process.stdout.write(`${options.json ? JSON.stringify(value) : text}\n`)
}

function describe(added: AddedData): string {
  const files = added.nfiles === undefined ? '' : `${count(added.nfiles, 'file')}, `
  return `${added.path}  ${files}${bytes(added.size)}, md5 ${added.md5}${added.changed ? '' : '  (unchanged)'}`
}

function describeStatus([name, entries]: readonly [string, readonly StatusEntry[]]): string {
  const lines = entries.flatMap((entry) => {
    if (typeof entry === 'string') return [`  ${entry}`]
    return Object.entries(entry).flatMap(([title, states]) => [`  ${title}:`, ...Object.entries(states).flatMap(describeState)])
  })
  return `${name}:\n${lines.join('\n')}`
}

function describeState([path, state]: readonly [string, unknown]): readonly string[] {
  if (typeof state === 'string') return [`    ${state.padEnd(13)} ${path}`]
  return Object.entries(state ?? {}).map(([key, one]) => `    ${String(one).padEnd(13)} ${path}: ${key}`)
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function bytes(n: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const power = n < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3))
  return `${power === 0 ? n : (n / 1000 ** power).toFixed(1)} ${units[power] ?? ''}`
}

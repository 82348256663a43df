import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'

export function register(program: Command): void {
  program
    .command('init')
    .description('make a project here: data versioning (as `dvc init`) and a millrace.yaml, in the Git repository that holds the folder or a new one')
    .argument('[folder]', 'where', '.')
    .option('--own-repository', 'make the folder a Git repository of its own, also inside another one', false)
    .action(init)
}

const config = (name: string) => `# What this project serves, watches and retrains. Every key but \`project\` may be left out and has a default;
# every key can be overridden by an environment variable, such as MILLRACE_TRACKING_PORT.
project: ${name}
# deployments:            # models that are served
#   - model: my-model
# monitors:               # models that are watched for drift and performance
#   - model: my-model
# retraining:             # models that are trained again
#   - model: my-model
`

/** The folder's name as the configuration wants it. */
function projectName(root: string): string {
  return basename(root).toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'project'
}

async function init(folder: string, options: { readonly ownRepository: boolean }): Promise<void> {
  const { enclosingRepository, initProject } = await import('../data/versioning/index.ts')
  const { writeFileDurable } = await import('../platform/fs/index.ts')
  const { CONFIG_FILE } = await import('./project.ts')
  const root = resolve(folder)
  const had = existsSync(join(root, '.git'))
  const made = [...initProject(root, options)]
  if (!existsSync(join(root, CONFIG_FILE))) {
    writeFileDurable(join(root, CONFIG_FILE), config(projectName(root)))
    made.push(CONFIG_FILE)
  }
  // The services' state is neither Git's nor DVC's; DVC would otherwise look through it at every command.
  for (const file of ['.gitignore', '.dvcignore']) if (appendLine(join(root, file), '/.millrace/', writeFileDurable)) made.push(file)
  const names = [...new Set(made)]
  const here = relative(process.cwd(), root)
  const where = here || 'this folder'
  if (names.length === 0) {
    process.stdout.write(`${where} is a project already.\n`)
    return
  }
  const repository = enclosingRepository(root)
  const outer = enclosingRepository(dirname(root))
  const inside = repository !== undefined && !existsSync(join(root, '.git'))
  const notes = [
    ...(inside ? [`It is a part of the Git repository at ${repository}; --own-repository would have made one of its own.`] : []),
    ...(!had && !inside && outer !== undefined ? [`It is a Git repository of its own inside the one at ${outer}, which should ignore it: add /${relative(outer, root)}/ to its .gitignore.`] : []),
  ]
  const git = here === '' ? 'git' : `git -C ${shellWord(here)}`
  process.stdout.write(`${[`${where} is a project now: ${names.join(', ')}.`, ...notes].join('\n')}\nCommit them: ${git} add ${names.join(' ')} && ${git} commit -m "Start the project"\n`)
}

/** As a shell reads it as one word. */
function shellWord(text: string): string {
  return /^[\w./@%+,:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function appendLine(file: string, line: string, write: (file: string, text: string) => void): boolean {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text.split('\n').includes(line)) return false
  write(file, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`)
  return true
}

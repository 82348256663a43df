import { existsSync, readFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { initProject } from '../data/versioning/index.ts'
import { writeFileDurable } from '../platform/fs/index.ts'
import { CONFIG_FILE } from './project.ts'

export function register(program: Command): void {
  program
    .command('init')
    .description('make a project here: a Git repository with data versioning (as `dvc init`) and a millrace.yaml')
    .argument('[folder]', 'where', '.')
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

function init(folder: string): void {
  const root = resolve(folder)
  const made = [...initProject(root)]
  if (!existsSync(join(root, CONFIG_FILE))) {
    writeFileDurable(join(root, CONFIG_FILE), config(projectName(root)))
    made.push(CONFIG_FILE)
  }
  // The services' state is neither Git's nor DVC's; DVC would otherwise look through it at every command.
  for (const file of ['.gitignore', '.dvcignore']) if (appendLine(join(root, file), '/.millrace/')) made.push(file)
  const names = [...new Set(made)]
  const where = relative(process.cwd(), root) || 'this folder'
  if (names.length === 0) process.stdout.write(`${where} is a project already.\n`)
  else process.stdout.write(`${where} is a project now: ${names.join(', ')}.\nCommit them: git add ${names.join(' ')} && git commit -m "Start the project"\n`)
}

function appendLine(file: string, line: string): boolean {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text.split('\n').includes(line)) return false
  writeFileDurable(file, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`)
  return true
}

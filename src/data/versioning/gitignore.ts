import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { gitSync } from '../../platform/git/index.ts'
import { nameOf, type Project } from './project.ts'

/**
 * Makes Git ignore the paths: one `/name` line each in the `.gitignore` beside it, unless some rule ignores it already. Answers the
 * `.gitignore` files changed. Throws DVC_TRACKED_BY_GIT for a path that Git tracks: it would be in both.
 */
export function ignoreInGit(project: Project, paths: readonly string[]): readonly string[] {
  if (project.gitRoot === undefined || paths.length === 0) return []
  refuseTracked(project, project.gitRoot, paths)
  const ignored = ignoredByGit(project.gitRoot, paths)
  const changed = new Set<string>()
  for (const path of paths) {
    if (ignored.has(path)) continue
    const file = join(dirname(path), '.gitignore')
    if (addLine(file, `/${escapeName(basename(path))}`)) changed.add(file)
  }
  return [...changed]
}

/** Throws DVC_TRACKED_BY_GIT. */
function refuseTracked(project: Project, gitRoot: string, paths: readonly string[]): void {
  const { stdout } = gitSync(gitRoot, ['--literal-pathspecs', 'ls-files', '-z', '--', ...paths])
  const first = stdout.split('\0')[0]
  if (first === undefined || first === '') return
  const path = paths.find((candidate) => join(gitRoot, first).startsWith(candidate)) ?? join(gitRoot, first)
  const name = nameOf(project, path)
  throw new MillraceError('DVC_TRACKED_BY_GIT', `${name}: Git tracks it; take it out with \`git rm -r --cached ${name}\` and commit, then try again`)
}

/** Those of the paths that Git ignores by some rule. */
export function ignoredByGit(gitRoot: string, paths: readonly string[]): ReadonlySet<string> {
  if (paths.length === 0) return new Set()
  const { stdout } = gitSync(gitRoot, ['check-ignore', '-z', '--stdin'], { accept: [1], input: paths.join('\0') })
  return new Set(stdout.split('\0').filter((path) => path !== ''))
}

/** As pathspec's `GitWildMatchPattern.escape`, which DVC uses. A trailing space stays unescaped (it then ignores nothing; so does DVC). */
function escapeName(name: string): string {
  return name.replaceAll(/[*?[\]!#]/g, (char) => `\\${char}`)
}

function addLine(file: string, line: string): boolean {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text.split('\n').includes(line)) return false
  writeFileDurable(file, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`)
  return true
}

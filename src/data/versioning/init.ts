import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { gitSync } from '../../platform/git/index.ts'

const FILES: readonly (readonly [string, string])[] = [
  ['.dvc/.gitignore', '/config.local\n/tmp\n/cache\n'],
  ['.dvc/config', ''],
  [
    '.dvcignore',
    '# Add patterns of files dvc should ignore, which could improve\n# the performance. Learn more at\n# https://dvc.org/doc/user-guide/dvcignore\n',
  ],
]

/**
 * Makes `root` a Git repository and a DVC project, as `git init` and `dvc init` do: the same files with the same bytes, staged. What is
 * there already stays as it is. Without a repository of its own it becomes a part of the one around it, as after `dvc init --subdir`, if that one takes it.
 * Answers the files made, relative to `root`.
 */
export function initProject(root: string, { ownRepository = true }: { readonly ownRepository?: boolean } = {}): readonly string[] {
  mkdirSync(root, { recursive: true })
  if (!existsSync(join(root, '.git')) && (ownRepository || enclosingRepository(root) === undefined)) gitSync(root, ['init', '--quiet', '--initial-branch=main'])
  const made = FILES.filter(([name]) => !existsSync(join(root, name)))
  for (const [name, content] of made) writeFileDurable(join(root, name), content)
  mkdirSync(join(root, '.dvc', 'tmp'), { recursive: true })
  const names = made.map(([name]) => name)
  if (names.length > 0) gitSync(root, ['add', '--', ...names])
  return names
}

/** The top of the Git repository that the folder `root`, which exists, is a part of; undefined where there is none above it, or where that one ignores it. */
export function enclosingRepository(root: string): string | undefined {
  const top = gitSync(root, ['rev-parse', '--show-toplevel'], { accept: [128] })
  if (top.code !== 0) return undefined
  const ignored = gitSync(root, ['check-ignore', '--quiet', '.'], { accept: [1, 128] }).code === 0
  return ignored ? undefined : top.stdout.trimEnd()
}

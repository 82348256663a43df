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
 * there already stays as it is. Answers the files made, relative to `root`.
 */
export function initProject(root: string): readonly string[] {
  mkdirSync(root, { recursive: true })
  if (!existsSync(join(root, '.git'))) gitSync(root, ['init', '--quiet', '--initial-branch=main'])
  const made = FILES.filter(([name]) => !existsSync(join(root, name)))
  for (const [name, content] of made) writeFileDurable(join(root, name), content)
  mkdirSync(join(root, '.dvc', 'tmp'), { recursive: true })
  const names = made.map(([name]) => name)
  if (names.length > 0) gitSync(root, ['add', '--', ...names])
  return names
}

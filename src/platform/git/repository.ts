import { MillraceError } from '../errors/index.ts'
import { git, gitSync } from './index.ts'

/** The commit that HEAD is at, or undefined in a repository without one. */
export async function headCommit(folder: string): Promise<string | undefined> {
  const { code, stdout } = await git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { accept: [1] })
  return code === 0 ? stdout.trim() : undefined
}

/** The full name of the commit that `revision` stands for. Throws NOT_FOUND. */
export async function resolveCommit(folder: string, revision: string): Promise<string> {
  const { code, stdout } = await git(folder, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`], { accept: [1, 128] })
  if (code !== 0) throw new MillraceError('NOT_FOUND', `${folder}: ${JSON.stringify(revision)} is no commit of this repository`)
  return stdout.trim()
}

/** The paths in which the working tree or the index differ from HEAD, with Git's two-letter state, as `git status --porcelain` tells. */
export async function changedPaths(folder: string): Promise<readonly { readonly state: string; readonly path: string }[]> {
  const { stdout } = await git(folder, ['status', '--porcelain', '-z', '--no-renames'])
  return stdout.split('\0').filter((entry) => entry !== '').map((entry) => ({ state: entry.slice(0, 2), path: entry.slice(3) }))
}

export interface CommitOptions {
  readonly message: string
  /** Only these, relative to `folder`; without them everything that is not ignored. */
  readonly paths?: readonly string[]
  /** RFC 3339; author and committer date. For commits that must come out the same again. */
  readonly date?: string
}

/**
 * Commits and answers the new commit, or the present one where nothing differs. The user's hooks and signing stay out of it: the commit is
 * the program's. The author is whom Git is configured for, or `Millrace <millrace@localhost>` where it is for nobody.
 */
export async function commitPaths(folder: string, options: CommitOptions): Promise<string> {
  const paths = options.paths ?? ['.']
  if (paths.length > 0) await git(folder, ['add', '--all', '--', ...paths])
  const { code } = await git(folder, ['diff', '--cached', '--quiet', '--', ...paths], { accept: [1] })
  if (code === 1) {
    const quiet = ['-c', 'core.hooksPath=/dev/null', '-c', 'commit.gpgSign=false']
    const env = { ...identity(folder), ...(options.date ? { GIT_AUTHOR_DATE: options.date, GIT_COMMITTER_DATE: options.date } : {}) }
    await git(folder, [...quiet, 'commit', '--quiet', '--message', options.message, '--', ...paths], { env })
  }
  const head = await headCommit(folder)
  if (head === undefined) throw new MillraceError('GIT_FAILED', `${folder}: nothing to commit in a repository without a commit`)
  return head
}

function identity(folder: string): Readonly<Record<string, string>> {
  const has = (key: string) => gitSync(folder, ['config', '--get', key], { accept: [1] }).stdout.trim() !== ''
  if (has('user.email') && has('user.name')) return {}
  const [name, email] = ['Millrace', 'millrace@localhost']
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email }
}

/** Points `branch` at `commit`, making or moving it. Throws GIT_FAILED where the branch is checked out somewhere. */
export async function setBranch(folder: string, branch: string, commit: string): Promise<void> {
  await git(folder, ['branch', '--force', '--no-track', '--', branch, commit])
}

export interface WorktreeEntry {
  readonly path: string
  readonly head: string | undefined
}

export async function listWorktrees(folder: string): Promise<readonly WorktreeEntry[]> {
  const { stdout } = await git(folder, ['worktree', 'list', '--porcelain', '-z'])
  return stdout.split('\0\0').flatMap((block): WorktreeEntry[] => {
    const lines = block.split('\0')
    const path = lines.find((line) => line.startsWith('worktree '))?.slice('worktree '.length)
    return path === undefined ? [] : [{ path, head: lines.find((line) => line.startsWith('HEAD '))?.slice('HEAD '.length) }]
  })
}

export async function addWorktree(folder: string, path: string, commit: string): Promise<void> {
  await git(folder, ['-c', 'core.hooksPath=/dev/null', 'worktree', 'add', '--quiet', '--detach', '--', path, commit])
}

/** Removes the worktree with all that is in it, changed or not; one that is gone already is no error. */
export async function removeWorktree(folder: string, path: string): Promise<void> {
  await git(folder, ['worktree', 'remove', '--force', '--force', '--', path], { accept: [128] })
  await git(folder, ['worktree', 'prune'])
}

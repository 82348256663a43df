import { existsSync, realpathSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { addWorktree, listWorktrees, removeWorktree } from '../../platform/git/repository.ts'
import { openProject, type Project } from './project.ts'

/**
 * A Git worktree of the project at `commit`, detached, in `folder`, whose DVC cache is the project's: data added or made there is at once
 * there here. The user's working tree, index and branch are not touched. If `folder` is such a worktree already (after a kill), it is
 * answered as it stands, with what it holds. Throws GIT_FAILED, and DVC_NOT_A_PROJECT where the commit is from before `.dvc`.
 */
export async function openWorktree(project: Project, commit: string, folder: string): Promise<Project> {
  const gitRoot = gitRootOf(project)
  const known = await isWorktree(gitRoot, folder)
  if (!known) {
    // What a kill left half made; Git refuses a folder that is not empty.
    rmSync(folder, { recursive: true, force: true })
    await removeWorktree(gitRoot, folder)
    await addWorktree(gitRoot, folder, commit)
  }
  const root = join(folder, relative(gitRoot, project.root))
  if (!existsSync(join(root, '.dvc', 'config'))) throw new MillraceError('DVC_NOT_A_PROJECT', `commit ${commit} holds no .dvc/config; commit what \`millrace init\` made`)
  writeFileDurable(join(root, '.dvc', 'config.local'), `[cache]\n    dir = ${quote(project.config.cacheDir)}\n`)
  return openProject(root)
}

/** Removes the worktree and all that is in it; its commits and the cache stay. */
export async function closeWorktree(project: Project, folder: string): Promise<void> {
  await removeWorktree(gitRootOf(project), folder)
  rmSync(folder, { recursive: true, force: true })
}

function gitRootOf(project: Project): string {
  if (project.gitRoot === undefined) throw new MillraceError('GIT_FAILED', `${project.root} is not in a Git repository; run \`millrace init\` there`)
  return project.gitRoot
}

async function isWorktree(gitRoot: string, folder: string): Promise<boolean> {
  if (!existsSync(join(folder, '.git'))) return false
  const real = realpathSync(folder)
  return (await listWorktrees(gitRoot)).some((entry) => entry.path === real && entry.head !== undefined)
}

/** ConfigObj takes a comma for a list and # for a comment unless the value is in quotes. */
function quote(path: string): string {
  return /[,#"']/.test(path) ? (path.includes('"') ? `'${path}'` : `"${path}"`) : path
}

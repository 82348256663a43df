import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { MillraceError, errnoCode } from '../../platform/errors/index.ts'
import { readConfig, type DvcConfig } from './config.ts'

/** A DVC project on disk. All paths are absolute and real (no symbolic link in them). */
export interface Project {
  readonly root: string
  readonly dvcDir: string
  /** Locks and hash state: below `.dvc/tmp`, which Git ignores. */
  readonly tmpDir: string
  /** The top of Git's working tree, or undefined where the project is not in Git or does not want to be. */
  readonly gitRoot: string | undefined
  readonly config: DvcConfig
}

/** The project that `start` lies in. Throws DVC_NOT_A_PROJECT where no folder upwards holds `.dvc`. */
export function openProject(start: string): Project {
  let root = realFolder(start)
  while (!existsSync(join(root, '.dvc')) || !statSync(join(root, '.dvc')).isDirectory()) {
    const parent = dirname(root)
    if (parent === root) {
      throw new MillraceError('DVC_NOT_A_PROJECT', `${start}: neither it nor a folder above it holds .dvc; run \`millrace init\` where the project should be`)
    }
    root = parent
  }
  const dvcDir = join(root, '.dvc')
  const config = readConfig(dvcDir)
  return { root, dvcDir, tmpDir: join(dvcDir, 'tmp'), gitRoot: config.noScm ? undefined : findGitRoot(root), config }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') throw new MillraceError('DVC_NOT_A_PROJECT', `${path}: there is no such folder`)
    throw error
  }
}

function findGitRoot(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    // In a linked worktree `.git` is a file.
    if (existsSync(join(folder, '.git'))) return folder
    if (dirname(folder) === folder) return undefined
  }
}

/**
 * A path that the user named, relative to `base`, as an absolute path inside the project. Folders in it are resolved, the last
 * name is not: a tracked path may itself be a link. Throws DVC_PATH_INVALID for the root itself, what is outside, and what is Git's or DVC's own.
 */
export function projectPath(project: Project, path: string, base = project.root): string {
  const full = resolve(base, path)
  const folder = dirname(full)
  const real = existsSync(folder) ? join(realpathSync(folder), full.slice(folder.length)) : full
  const name = relative(project.root, real)
  if (name === '' || name === '..' || name.startsWith(`..${sep}`) || isAbsolute(name)) {
    throw new MillraceError('DVC_PATH_INVALID', `${path}: expected a path below the project ${project.root}`)
  }
  const [first] = name.split(sep)
  if (first === '.dvc' || first === '.git') throw new MillraceError('DVC_PATH_INVALID', `${path}: ${first} is not data`)
  return real
}

/** The path as people and files name it: relative to the project, with `/`. */
export function nameOf(project: Project, path: string): string {
  const name = relative(project.root, path)
  return sep === '/' ? name : name.replaceAll(sep, '/')
}

/** True where one path is the other or lies in it. */
export function overlaps(a: string, b: string): boolean {
  return a === b || a.startsWith(b + sep) || b.startsWith(a + sep)
}

export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

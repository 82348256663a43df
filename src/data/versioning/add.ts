import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { gitSync } from '../../platform/git/index.ts'
import { lstatIfAny, objectPath, ObjectWriter } from './cache.ts'
import { readContent, type Content } from './content.ts'
import { readAllData, refuseOverlap, type OwnedOut, type Owner } from './data-files.ts'
import { dvcFileOf, dvcFileText, writeIfChanged } from './dvc-file.ts'
import { ignoredByGit, ignoreInGit } from './gitignore.ts'
import { isLinkedAs, placeObject } from './link.ts'
import { withLock } from './lock.ts'
import { nameOf, projectPath, type Project } from './project.ts'
import { inSession, type Session } from './session.ts'

export interface AddedData {
  /** Relative to the project. */
  readonly path: string
  readonly dvcFile: string
  /** DVC's hash, with `.dir` for a folder. */
  readonly md5: string
  /** Bytes. */
  readonly size: number
  /** Of a folder. */
  readonly nfiles?: number
  /** False where the same content had been added before. */
  readonly changed: boolean
  /** What should be committed: the `.dvc` file, and `.gitignore` where it was changed. Relative to the project. */
  readonly toCommit: readonly string[]
}

export interface AddOptions {
  /** Paths that stages of pipelines own; adding one of them is refused. See `pipelineOwners`. */
  readonly owners?: readonly Owner[]
  /** The folder that a relative `path` counts from; the project's root without it. */
  readonly base?: string
}

/**
 * Puts a file or folder under data versioning: its bytes into the cache, a `.dvc` file beside it, a line in `.gitignore`. Adding it
 * again after a change makes a new version. When this returns, all of it is on disk; killed at any moment, it leaves the old `.dvc` file
 * or the new, and never one whose data is not in the cache. Throws DVC_PATH_INVALID, DVC_OVERLAP, DVC_TRACKED_BY_GIT, DVC_LOCKED.
 */
export function addDataset(project: Project, path: string, options: AddOptions = {}): AddedData {
  const full = projectPath(project, path, options.base)
  if (!lstatIfAny(full)) throw new MillraceError('DVC_PATH_INVALID', `${path}: there is no such file or folder in ${options.base ?? project.root}`)
  return withLock(project, { read: [], write: [full], command: 'millrace data add' }, () => inSession(project, (session) => add(session, full, options)))
}

function add(session: Session, path: string, options: AddOptions): AddedData {
  const { project } = session
  const name = nameOf(project, path)
  const mine = findOwn(session, path, options.owners ?? [])
  const dvcFile = mine?.file.file ?? dvcFileOf(path)
  refuseIgnored(session, path, dvcFile)
  const ignoreFiles = ignoreInGit(project, [path])
  const content = store(session, path)
  const text = dvcFileText(basename(path), content, mine)
  const changed = writeIfChanged(dvcFile, text, mine?.file.yaml.text)
  relink(session, path, content)
  const toCommit = [dvcFile, ...ignoreFiles].map((file) => nameOf(project, file))
  if (project.config.autostage && project.gitRoot !== undefined) gitSync(project.root, ['add', '--', ...toCommit])
  return {
    path: name, dvcFile: nameOf(project, dvcFile), md5: content.oid, size: content.size, changed: changed || ignoreFiles.length > 0, toCommit,
    ...(content.nfiles === undefined ? {} : { nfiles: content.nfiles }),
  }
}

/** The `.dvc` file that keeps the path already, if one does. Throws DVC_OVERLAP for a path that another one keeps, or a stage. */
function findOwn(session: Session, path: string, owners: readonly Owner[]): OwnedOut | undefined {
  const all = readAllData(session)
  const mine = all.find(({ out }) => out.path === path)
  const others = all.filter((owned) => owned !== mine).map(({ out, file }) => ({ path: out.path, name: nameOf(session.project, file.file) }))
  refuseOverlap(session.project, path, [...others, ...owners])
  if (mine?.out.cached === false) throw new MillraceError('DVC_PATH_INVALID', `${nameOf(session.project, path)}: ${mine.file.yaml.file} keeps it outside the cache (cache: false)`)
  return mine
}

function refuseIgnored(session: Session, path: string, dvcFile: string): void {
  const { project } = session
  const name = nameOf(project, path)
  if (session.ignore.ignoresPath(name, statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new MillraceError('DVC_PATH_INVALID', `${name}: .dvcignore leaves it out`)
  }
  if (project.gitRoot !== undefined && ignoredByGit(project.gitRoot, [dvcFile]).has(dvcFile)) {
    throw new MillraceError('DVC_PATH_INVALID', `${name}: Git ignores ${nameOf(project, dvcFile)}, so the version could not be committed; change .gitignore`)
  }
}

/** Reads the path's content into the cache, all or nothing. */
export function store(session: Session, path: string): Content {
  const writer = new ObjectWriter(session.project.config.cacheDir)
  try {
    const content = readContent(session, path, writer)
    if (!content) throw new MillraceError('DVC_PATH_INVALID', `${nameOf(session.project, path)}: it is gone`)
    writer.commit()
    return content
  } finally {
    writer.abort()
  }
}

/** With hard or symbolic links as the first link type, what was added becomes a link to its object, as DVC does; a copy stays as it is. */
export function relink(session: Session, path: string, content: Content): void {
  const { cacheDir, linkTypes } = session.project.config
  const [type] = linkTypes
  if (type !== 'hardlink' && type !== 'symlink') return
  const files = content.entries?.map((entry) => ({ path: `${path}/${entry.relpath}`, oid: entry.md5 })) ?? [{ path, oid: content.oid }]
  for (const file of files) {
    const object = objectPath(cacheDir, file.oid)
    if (!isLinkedAs(type, object, file.path)) placeObject(object, file.path, linkTypes)
  }
}

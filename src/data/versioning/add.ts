import { statSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { gitSync } from '../../platform/git/index.ts'
import { hasObject, lstatIfAny, objectPath, objectSize, ObjectWriter } from './cache.ts'
import { readContent, type Content } from './content.ts'
import { readAllData, refuseOverlap, type OwnedOut, type Owner } from './data-files.ts'
import { type ContentFacts, dvcFileOf, dvcFileText, writeIfChanged } from './dvc-file.ts'
import { ignoredByGit, ignoreInGit } from './gitignore.ts'
import { isLinkedAs, placeObject } from './link.ts'
import { withLock } from './lock.ts'
import { lookUp } from './objects.ts'
import { isInside, nameOf, projectPath, type Project } from './project.ts'
import { inSession, type Session } from './session.ts'
import { encodeTree } from './tree.ts'

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
  return withLock(project, { read: [], write: [full], command: 'millrace data add' }, () => inSession(project, (session) => add(session, full, options)))
}

function add(session: Session, path: string, options: AddOptions): AddedData {
  const { project } = session
  const name = nameOf(project, path)
  const all = readAllData(session)
  const folder = all.find(({ out }) => out.path !== path && isInside(path, out.path) && out.oid?.endsWith('.dir') && !out.legacy)
  if (folder) return addPart(session, folder, path)
  if (!lstatIfAny(path)) throw new MillraceError('DVC_PATH_INVALID', `${name}: there is no such file or folder in ${project.root}`)
  const mine = findOwn(session, path, all, options.owners ?? [])
  const dvcFile = mine?.file.file ?? dvcFileOf(path)
  refuseIgnored(session, path, dvcFile)
  const ignoreFiles = ignoreInGit(project, [path])
  const content = store(session, path)
  const text = dvcFileText(basename(path), content, mine)
  const changed = writeIfChanged(dvcFile, text, mine?.file.yaml.text)
  relink(session, path, content)
  return added(session, path, dvcFile, content, changed, ignoreFiles)
}

function added(session: Session, path: string, dvcFile: string, content: ContentFacts & { readonly size: number }, changed: boolean, ignoreFiles: readonly string[]): AddedData {
  const { project } = session
  const toCommit = [dvcFile, ...ignoreFiles].map((file) => nameOf(project, file))
  if (project.config.autostage && project.gitRoot !== undefined) gitSync(project.root, ['add', '--', ...toCommit])
  return {
    path: nameOf(project, path), dvcFile: nameOf(project, dvcFile), md5: content.oid, changed: changed || ignoreFiles.length > 0, toCommit,
    size: content.size,
    ...(content.nfiles === undefined ? {} : { nfiles: content.nfiles }),
  }
}

/** A file or folder inside a tracked folder: only that part of the version becomes what is there now, or goes where nothing is. */
function addPart(session: Session, folder: OwnedOut, path: string): AddedData {
  const { project } = session
  const { out, file, index } = folder
  const known = lookUp(session, { oid: out.oid ?? '', legacy: false }).entries
  const part = nameOf(project, path)
  if (!known || !hasObject(project.config.cacheDir, out.oid ?? '')) {
    throw new MillraceError('DVC_MISSING_DATA', `${part}: the list of ${nameOf(project, out.path)} is not in the cache; pull it, or add the whole folder`)
  }
  const rel = relative(out.path, path)
  const rest = known.filter((entry) => entry.relpath !== rel && !entry.relpath.startsWith(`${rel}/`))
  const writer = new ObjectWriter(project.config.cacheDir)
  try {
    const content = readContent(session, path, writer)
    if (!content && rest.length === known.length) throw new MillraceError('DVC_PATH_INVALID', `${part}: there is no such file or folder, and none in the version`)
    const fresh = !content ? [] : (content.entries?.map((entry) => ({ ...entry, relpath: `${rel}/${entry.relpath}` })) ?? [{ relpath: rel, md5: content.oid }])
    const entries = [...rest, ...fresh]
    const oid = writer.addText(encodeTree(entries), '.dir')
    writer.commit()
    // As DVC: the size is known as long as files only came; it would have to look at all of them otherwise.
    const size = oid === out.oid ? out.size : rest.length === known.length && out.size !== undefined && content ? out.size + content.size : undefined
    const facts = { oid, nfiles: entries.length, ...(size === undefined ? {} : { size }) }
    const changed = writeIfChanged(file.file, dvcFileText(basename(out.path), facts, { file, index }), file.yaml.text)
    if (content) relink(session, path, content)
    const bytes = entries.reduce((sum, entry) => sum + objectSize(project.config.cacheDir, entry.md5), 0)
    return added(session, out.path, file.file, { ...facts, size: bytes }, changed, [])
  } finally {
    writer.abort()
  }
}

/** The `.dvc` file that keeps the path already, if one does. Throws DVC_OVERLAP for a path that another one keeps, or a stage. */
function findOwn(session: Session, path: string, all: readonly OwnedOut[], owners: readonly Owner[]): OwnedOut | undefined {
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

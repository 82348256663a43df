import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { readDvcFile, type DataOut, type DvcFile } from './dvc-file.ts'
import { nameOf, overlaps, type Project } from './project.ts'
import type { Session } from './session.ts'

/** The files of a project that say what DVC tracks: `.dvc` files and `dvc.yaml`, in the order of a walk by name. */
export interface TrackingFiles {
  readonly dvcFiles: readonly string[]
  readonly pipelineFiles: readonly string[]
}

/**
 * Looks through the whole project but for what `.dvcignore` leaves out and for tracked folders, whose files are data. A folder's
 * `.dvc` file lies beside it, so it is known before the folder would be entered.
 */
export function findTrackingFiles(session: Session): TrackingFiles {
  const dvcFiles: string[] = []
  const pipelineFiles: string[] = []
  const visit = (folder: string, name: string): void => {
    const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const names = new Set(entries.map((entry) => entry.name))
    for (const entry of entries) {
      const isFolder = entry.isDirectory()
      if (SKIPPED.has(entry.name) || session.ignore.ignores(name, entry.name, isFolder)) continue
      if (!isFolder && entry.name.endsWith('.dvc') && entry.name !== '.dvc') dvcFiles.push(join(folder, entry.name))
      else if (!isFolder && entry.name === 'dvc.yaml') pipelineFiles.push(join(folder, entry.name))
      else if (isFolder && !names.has(`${entry.name}.dvc`)) visit(join(folder, entry.name), name === '' ? entry.name : `${name}/${entry.name}`)
    }
  }
  visit(session.project.root, '')
  return { dvcFiles, pipelineFiles }
}

/** Large, and never anyone's data. */
const SKIPPED = new Set(['node_modules', '.millrace', '__pycache__'])

export interface OwnedOut {
  readonly out: DataOut
  readonly index: number
  readonly file: DvcFile
}

export function readAllData(session: Session, files = findTrackingFiles(session)): readonly OwnedOut[] {
  return files.dvcFiles.flatMap((path) => {
    const file = readDvcFile(session.project, path)
    return file.outs.map((out, index) => ({ out, index, file }))
  })
}

/** A path that somebody keeps, and who: a `.dvc` file or a stage. */
export interface Owner {
  /** Absolute. */
  readonly path: string
  /** As in messages: `data.dvc`, `stage train of dvc.yaml`. */
  readonly name: string
}

/** Throws DVC_OVERLAP where `path` is, holds or lies in a path of someone else. */
export function refuseOverlap(project: Project, path: string, owners: readonly Owner[]): void {
  const other = owners.find((owner) => overlaps(path, owner.path))
  if (!other) return
  const [mine, theirs] = [nameOf(project, path), nameOf(project, other.path)]
  const how = other.path === path ? 'is an output of' : other.path.length < path.length ? `lies in ${theirs}, an output of` : `holds ${theirs}, an output of`
  throw new MillraceError('DVC_OVERLAP', `${mine}: it ${how} ${other.name}; a path can belong to one only`)
}

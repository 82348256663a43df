import { readContent } from './content.ts'
import { readAllData } from './data-files.ts'
import { lookUp } from './objects.ts'
import { nameOf, type Project } from './project.ts'
import { inSession, type Session } from './session.ts'

/** In DVC's words. `new`: the file says nothing of the content yet. `not in cache`: the version named cannot be restored from here. */
export type OutState = 'modified' | 'deleted' | 'new' | 'not in cache'

export interface DataChange {
  /** Relative to the project. */
  readonly path: string
  readonly dvcFile: string
  readonly state: OutState
}

/** What differs between the working tree and what the `.dvc` files say; empty where nothing does. Reads only files that may have changed. */
export function dataStatus(project: Project): readonly DataChange[] {
  return inSession(project, (session) =>
    readAllData(session).flatMap(({ out, file }): DataChange[] => {
      const state = outState(session, out)
      return state === undefined ? [] : [{ path: nameOf(project, out.path), dvcFile: nameOf(project, file.file), state }]
    }),
  )
}

export interface CheckedOut {
  readonly path: string
  readonly oid: string | undefined
  readonly legacy: boolean
  readonly cached: boolean
}

/** How the path stands against what is written of it; undefined where it fits. */
export function outState(session: Session, out: CheckedOut): OutState | undefined {
  if (out.oid !== undefined && out.cached && lookUp(session, { oid: out.oid, legacy: out.legacy }).missing.length > 0) return 'not in cache'
  const content = readContent(session, out.path, undefined, out.legacy)
  if (!content) return 'deleted'
  if (out.oid === undefined) return 'new'
  return content.oid === out.oid ? undefined : 'modified'
}

import { HashState } from './hash-state.ts'
import { IgnoreRules } from './ignore.ts'
import { join } from 'node:path'
import type { Project } from './project.ts'

/** What one operation on a project shares: the rules it has read and the hashes it has learnt. */
export interface Session {
  readonly project: Project
  readonly hashes: HashState
  readonly ignore: IgnoreRules
}

/** Runs `work` with a session that is closed after it, whatever happens. The hash state is only a cache: nothing is lost with it. */
export function inSession<T>(project: Project, work: (session: Session) => T): T {
  const session = openSession(project)
  try {
    return work(session)
  } finally {
    session.hashes.close()
  }
}

function openSession(project: Project): Session {
  return { project, hashes: new HashState(join(project.tmpDir, 'millrace')), ignore: new IgnoreRules(project.root) }
}

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError } from '../../platform/errors/index.ts'
import { claimPaths, type Claim } from './rwlock.ts'
import type { Project } from './project.ts'

/** Milliseconds to wait for another process before DVC_LOCKED. DVC itself gives up after 3 s. */
const PATIENCE = 10_000
const STEP = 20

const held = new Set<string>()

/**
 * Runs `work` while no other Millrace process changes the project's data, and no DVC one either: a running DVC command is waited for
 * (Linux tells of its lock in /proc/locks), and `claim` tells later ones by DVC's own rwlock file that the paths are taken. What remains:
 * on other systems only rwlock is seen, and DVC may start in the few microseconds between our look and our entry.
 *
 * The lock is the operating system's on a SQLite file: it ends with the process, also by `kill -9`. It is for short work; blocking.
 */
export function withLock<T>(project: Project, claim: Claim, work: () => T): T {
  const file = join(project.tmpDir, 'millrace', 'lock.db')
  if (held.has(file)) throw new MillraceError('INTERNAL', `${file}: taken twice by one process`)
  mkdirSync(join(project.tmpDir, 'millrace'), { recursive: true })
  const db = new DatabaseSync(file, { timeout: PATIENCE })
  held.add(file)
  try {
    begin(db, project)
    const release = claimPaths(project.tmpDir, claim)
    try {
      waitForDvc(project)
      return work()
    } finally {
      release()
    }
  } finally {
    held.delete(file)
    db.close()
  }
}

/**
 * Claims paths for long work, during which the lock itself is free: a stage's command may call `dvc` or `millrace` on other paths. Answers the
 * function that gives them back. A claim ends with the process: others drop the entries of dead ones.
 */
export function claimForLong(project: Project, claim: Claim): () => void {
  const nothing = { read: [], write: [], command: claim.command }
  const release = withLock(project, nothing, () => claimPaths(project.tmpDir, claim))
  return () => withLock(project, nothing, release)
}

function begin(db: DatabaseSync, project: Project): void {
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    if (!(error instanceof Error && /locked|busy/i.test(error.message))) throw error
    throw new MillraceError('DVC_LOCKED', `${project.root}: another millrace process has been changing its data for ${PATIENCE / 1000} s; try again when it is done`, { cause: error })
  }
}

function waitForDvc(project: Project): void {
  const sleep = new Int32Array(new SharedArrayBuffer(4))
  for (let waited = 0; dvcHolds(join(project.tmpDir, 'lock')); waited += STEP) {
    if (waited >= PATIENCE) throw new MillraceError('DVC_LOCKED', `${project.root}: a dvc command holds its lock; try again when it is done`)
    Atomics.wait(sleep, 0, 0, STEP)
  }
}

/** DVC's lock is flock(2) on `.dvc/tmp/lock`; the file stays when the lock goes. The third field from the end of the line names device and inode. */
function dvcHolds(file: string): boolean {
  if (!existsSync('/proc/locks') || !existsSync(file)) return false
  const { ino } = statSync(file)
  const own = `:${ino} `
  return readFileSync('/proc/locks', 'utf8').split('\n').some((line) => line.includes('FLOCK') && !line.includes('->') && line.includes(own))
}

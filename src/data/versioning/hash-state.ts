import { mkdirSync, rmSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/**
 * Remembers the MD5 of files by (path, inode, mtime, ctime, size), so that an unchanged file is not read again. It is a cache:
 * a lost or damaged one costs time only. DVC's own state database is private to DVC and is neither read nor written.
 */
export class HashState {
  readonly #db: DatabaseSync
  readonly #get: StatementSync
  readonly #fresh = new Map<string, { readonly stat: Stats; readonly md5: string }>()

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#db = openOrReplace(join(folder, 'hashes.db'))
    this.#get = this.#db.prepare('SELECT md5 FROM hashes WHERE path = ? AND ino = ? AND mtime = ? AND ctime = ? AND size = ?')
    // One snapshot for all reads of a session; writes wait until `close`, so that nobody else waits for us.
    this.#db.exec('BEGIN')
  }

  get(path: string, stat: Stats): string | undefined {
    const fresh = this.#fresh.get(path)
    if (fresh && sameFile(fresh.stat, stat)) return fresh.md5
    const row = this.#get.get(path, stat.ino, stat.mtimeMs, stat.ctimeMs, stat.size)
    return typeof row?.md5 === 'string' ? row.md5 : undefined
  }

  /**
   * `stat` must be from before the file was read. A file changed in the last moments is not remembered: it could change again
   * within one tick of the file system's clock and look the same. `ours` skips that check for a file that we just wrote.
   */
  put(path: string, stat: Stats, md5: string, ours = false): void {
    if (ours || Math.abs(Date.now() - stat.ctimeMs) >= TICK) this.#fresh.set(path, { stat, md5 })
  }

  /** Writes what was learnt. Another process may be writing its own at the same time: then ours is forgotten, which costs one more reading. */
  close(): void {
    try {
      this.#db.exec('COMMIT')
      if (this.#fresh.size === 0) return
      this.#db.exec('BEGIN IMMEDIATE')
      const put = this.#db.prepare('INSERT OR REPLACE INTO hashes (path, ino, mtime, ctime, size, md5) VALUES (?, ?, ?, ?, ?, ?)')
      for (const [path, { stat, md5 }] of this.#fresh) put.run(path, stat.ino, stat.mtimeMs, stat.ctimeMs, stat.size, md5)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (!(error instanceof Error && /locked|full/i.test(error.message))) throw error
    } finally {
      this.#db.close()
    }
  }
}

export function sameFile(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.size === b.size
}

/** Milliseconds; file systems stamp with the kernel's tick, at most 10 ms. */
const TICK = 20

function openOrReplace(file: string): DatabaseSync {
  try {
    return open(file)
  } catch {
    // Damaged or not a database: it holds nothing that cannot be computed again.
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true })
    return open(file)
  }
}

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5000 })
  // Without sync: after a loss of power the file may be damaged, and is then replaced.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
  db.exec('CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, ino REAL, mtime REAL, ctime REAL, size INTEGER, md5 TEXT) WITHOUT ROWID')
  return db
}

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoCode } from '../../../platform/errors/index.ts'
import { readDefinitions } from '../parse.ts'
import { type OnlineView, onlineViews } from './view.ts'

/** The views that `folder` defines; none where there is no such folder. Throws with file, line and key for what is malformed. */
export function readViews(folder: string): ReadonlyMap<string, OnlineView> {
  return fingerprint(folder) === '' ? new Map() : onlineViews(readDefinitions(folder))
}

/**
 * Calls `changed` when a file of the folder has been added, removed or written, at most every `everyMs`. It looks instead of listening, because an editor's way
 * of saving (a new file renamed over the old) and a folder that is not there yet both escape a watch on a path.
 */
export function watchDefinitions(folder: string, everyMs: number, changed: () => void): () => void {
  let seen = fingerprint(folder)
  const timer = setInterval(() => {
    const now = fingerprint(folder)
    if (now === seen) return
    seen = now
    changed()
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

function fingerprint(folder: string): string {
  try {
    const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))
    return files
      .sort()
      .map((name) => {
        const { mtimeMs, size } = statSync(join(folder, name))
        return `${name} ${mtimeMs} ${size}`
      })
      .join('\n')
  } catch (error) {
    const code = errnoCode(error)
    if (code === undefined) throw error
    // A folder that cannot be read is a state of its own: reading the definitions then says what is wrong.
    return code === 'ENOENT' ? '' : code
  }
}

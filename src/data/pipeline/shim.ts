import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENTRY } from '../../platform/entry.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import type { Project } from '../versioning/project.ts'

/**
 * A folder to put before the PATH, in which `millrace` is this very installation on this very Node: a stage's `millrace train` then neither
 * looks for a Node nor starts two, and never finds another version.
 */
export function shimFolder(project: Project): string {
  const folder = join(project.tmpDir, 'millrace', 'bin')
  const file = join(folder, 'millrace')
  const script = `#!/bin/sh\nexec ${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(ENTRY)} "$@"\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== script) {
    writeFileDurable(file, script, 0o755)
    chmodSync(file, 0o755)
  }
  return folder
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}

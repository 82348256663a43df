import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeFileDurable } from '../../platform/fs/index.ts'
import type { Project } from '../versioning/project.ts'

/**
 * A folder to put before the PATH, in which `millrace` is this very installation on this very Node: a stage's `millrace train` then neither
 * looks for a Node nor starts two, and never finds another version.
 */
export function shimFolder(project: Project): string {
  const folder = join(project.tmpDir, 'millrace', 'bin')
  const file = join(folder, 'millrace')
  // In the built package this file ends in .js, and so does the entry.
  const entry = fileURLToPath(new URL(`../../main${extname(import.meta.url)}`, import.meta.url))
  const script = `#!/bin/sh\nexec ${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(entry)} "$@"\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== script) {
    writeFileDurable(file, script, 0o755)
    chmodSync(file, 0o755)
  }
  return folder
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}

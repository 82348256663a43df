import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { FileDigest } from '../../domain/manifest.ts'
import { toMillraceError } from '../../platform/errors/index.ts'

/** Size and SHA-256 of every file below `folder`. */
export async function folderDigests(folder: string): Promise<readonly FileDigest[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files: FileDigest[] = []
    for (const entry of entries) {
      if (!entry.isFile()) continue
      const file = join(entry.parentPath, entry.name)
      files.push({ path: relative(folder, file).split(sep).join('/'), ...(await hashFile(file)) })
    }
    return files
  } catch (error) {
    throw toMillraceError(error, `reading ${folder}`)
  }
}

async function hashFile(file: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const source = createReadStream(file)
  const hash = createHash('sha256')
  await pipeline(source, hash)
  return { size: source.bytesRead, sha256: hash.digest('hex') }
}

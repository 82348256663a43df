import { createWriteStream, openAsBlob } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { toMillraceError } from '../errors/index.ts'
import { ulid } from '../ids/index.ts'
import { insideRoot } from './index.ts'

/** All files below `folder` by relative path, in code-unit order, to be uploaded: each is read when it is sent, and can be sent again. */
export async function* filesBelow(folder: string): AsyncIterable<{ readonly path: string; readonly content: Blob }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  for (const file of files.toSorted()) yield { path: file.split(sep).join('/'), content: await openAsBlob(join(folder, file)) }
}

/** Saves files below `folder`, each whole or not at all, and returns where they are. Refuses a path that leaves the folder (PATH_OUTSIDE_ROOT). */
export async function saveFiles<F extends { readonly path: string; readonly uri: string }>(
  folder: string,
  files: AsyncIterable<F>,
  open: (uri: string) => Promise<Response>,
): Promise<readonly string[]> {
  const saved: string[] = []
  for await (const { path, uri } of files) {
    const file = insideRoot(folder, path)
    const partial = `${file}.${ulid()}.part`
    try {
      await mkdir(dirname(file), { recursive: true })
      await pipeline((await open(uri)).body ?? [], createWriteStream(partial))
      await rename(partial, file)
    } catch (error) {
      await rm(partial, { force: true })
      throw toMillraceError(error, `saving ${file}`)
    }
    saved.push(file)
  }
  return saved
}

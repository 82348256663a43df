import { posix } from 'node:path'
import type { FileInfo } from '../../../api/tracking.ts'
import type { Blob, Blobs } from '../../../platform/blobs/index.ts'
import { invalid } from '../../mlflow/errors.ts'
import { keyOf, safeFolder, safePath } from './uri.ts'

/** Files and folders right below `folder`; paths are relative to `base`. A file lists nothing. */
export async function listArtifacts(blobs: Blobs, folder: string, base = ''): Promise<readonly FileInfo[]> {
  const entries = await blobs.list(folder)
  return entries.map((entry): FileInfo => {
    const path = posix.join(base, entry.name)
    return entry.folder ? { path, is_dir: true } : { path, is_dir: false, file_size: entry.size }
  })
}

/** Lists below a location of a run or a model; `path` is relative to it, and so are the answers. */
export async function listBelow(blobs: Blobs, root: string, path: string | undefined): Promise<readonly FileInfo[]> {
  const below = safeFolder(path)
  return listArtifacts(blobs, posix.join(serverKey(root), below), below)
}

export async function readBelow(blobs: Blobs, root: string, path: string): Promise<Blob> {
  return blobs.get(posix.join(serverKey(root), safePath(path)))
}

/** Throws INVALID_PARAMETER_VALUE for a location that clients reach by themselves, such as s3://. */
export function serverKey(root: string): string {
  const key = keyOf(root)
  if (key === undefined) throw invalid(`The artifacts are at ${root}, which this server does not keep: read them there`)
  return key
}

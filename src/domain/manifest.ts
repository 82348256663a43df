import { createHash } from 'node:crypto'

/** One file of a model version. */
export interface FileDigest {
  /** Relative to the version's folder, with `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

/**
 * SHA-256, hex, over the manifest's lines `SHA256 SIZE PATH\n`, in code-unit order of their paths (docs/registry.md). A path holds no line break: the store refuses
 * control characters.
 */
export function manifestDigest(files: readonly FileDigest[]): string {
  const hash = createHash('sha256')
  for (const { path, size, sha256 } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) hash.update(`${sha256} ${size} ${path}\n`)
  return hash.digest('hex')
}

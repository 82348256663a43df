import type { Readable } from 'node:stream'

/**
 * The blob port: named, immutable-once-read byte strings in folders, of any size, in constant memory.
 *
 * Contract that every driver keeps (`contract.ts` is its suite):
 * - A key is a relative path of non-empty segments joined by `/`. Anything else (`..`, `.`, an empty segment, a backslash, NUL, an absolute path, a
 *   drive letter, a segment above 255 bytes, a key above 1024) is refused with PATH_OUTSIDE_ROOT before anything is touched, by every method.
 * - `put` is atomic and durable: when it resolves, the whole content survives the death of the process; a reader sees the old content or the new,
 *   never a part; when it throws (the source failed, the disk is full), the old content stands and nothing is left behind. The last of two
 *   concurrent puts wins as a whole. A key whose parent is a blob, or that names a folder, is CONFLICT.
 * - `get` streams the content as it was when `get` resolved, even if the key is put or deleted meanwhile. A missing key, or a folder, is NOT_FOUND.
 * - `list` gives the immediate children of a folder, by name in code-unit order; a missing folder, or a blob, has none.
 * - `delete` removes a blob, or a folder with all below it; a missing key is no error. It may be retried; so may `put` with a source that can be read again.
 */
export interface Blobs {
  put(key: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobInfo>
  get(key: string): Promise<Blob>
  /** undefined where there is nothing by that key. */
  stat(key: string): Promise<BlobEntry | undefined>
  /** `''` is the root. */
  list(folder: string): Promise<readonly BlobEntry[]>
  delete(key: string): Promise<void>
}

export interface BlobInfo {
  /** Bytes. */
  readonly size: number
}

export interface Blob extends BlobInfo {
  /** The caller reads it to its end or destroys it. */
  readonly body: Readable
}

export type BlobEntry =
  | { readonly name: string; readonly folder: false; readonly size: number }
  | { readonly name: string; readonly folder: true }

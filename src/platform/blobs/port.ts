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
  /** Only where clients can reach the store past this process. */
  readonly direct?: DirectAccess
}

/**
 * Addresses that are signed for one request of one key and serve whoever holds them, until they expire. Keys, and the errors of what is asked about them,
 * as above. What a client writes so is as atomic as a `put`: parts are not visible before they are completed.
 */
export interface DirectAccess {
  /** `seconds` from 1 to 604,800. NOT_FOUND for what is not there. */
  signGet(key: string, seconds: number): Promise<SignedRequest & BlobInfo>
  /** For one PUT of the whole content. */
  signPut(key: string, seconds: number): Promise<SignedRequest>
  /** Begins an upload in `parts` parts (1 to 10,000), each but the last at least 5 MiB; each is PUT to its address, which stand in their order. */
  beginParts(key: string, parts: number, seconds: number): Promise<{ readonly uploadId: string; readonly parts: readonly SignedRequest[] }>
  /** NOT_FOUND for an upload that is unknown, completed or aborted; BAD_REQUEST for parts that do not fit what was uploaded. */
  completeParts(key: string, uploadId: string, parts: readonly UploadedPart[]): Promise<void>
  /** An unknown upload is no error. */
  abortParts(key: string, uploadId: string): Promise<void>
  /** Aborts uploads that were begun before `before` and never ended: nobody sees them, and they take room. Returns how many. */
  abandonParts(before: Date): Promise<number>
}

export interface SignedRequest {
  readonly url: string
  /** Those that the request must carry. */
  readonly headers: Readonly<Record<string, string>>
}

export interface UploadedPart {
  /** From 1. */
  readonly number: number
  /** As the store answered the part's PUT. */
  readonly etag: string
}

export interface BlobInfo {
  /** Bytes. */
  readonly size: number
}

export interface Blob extends BlobInfo {
  /** The caller reads it to its end or destroys it, and may do with each chunk as it likes: nobody else has it. */
  readonly body: Readable
}

export type BlobEntry =
  | { readonly name: string; readonly folder: false; readonly size: number }
  | { readonly name: string; readonly folder: true }

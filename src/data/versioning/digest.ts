import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { createHash, hash } from 'node:crypto'

/** Up to here a file is read whole: one call of `hash` beats a loop, and streams are four times slower (docs: sync calls). */
const WHOLE = 4 * 1024 * 1024
const CHUNK = 1024 * 1024

export function md5Of(bytes: Uint8Array | string): string {
  return hash('md5', bytes)
}

export function md5File(path: string, size: number): string {
  return size <= WHOLE ? md5Of(readFileSync(path)) : pass(path)
}

/** Copies and hashes in one pass, so that the hash is of exactly what was copied even if the file changes meanwhile. */
export function copyAndHash(from: string, toFd: number, size: number): string {
  if (size > WHOLE) return pass(from, toFd)
  const bytes = readFileSync(from)
  writeAll(toFd, bytes, bytes.length)
  return md5Of(bytes)
}

function pass(path: string, toFd?: number): string {
  const digest = createHash('md5')
  const buffer = Buffer.allocUnsafe(CHUNK)
  const fd = openSync(path, 'r')
  try {
    for (;;) {
      const count = readSync(fd, buffer, 0, CHUNK, null)
      if (count === 0) return digest.digest('hex')
      digest.update(count === CHUNK ? buffer : buffer.subarray(0, count))
      if (toFd !== undefined) writeAll(toFd, buffer, count)
    }
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, bytes: Uint8Array, length: number): void {
  for (let at = 0; at < length; ) at += writeSync(fd, bytes, at, length - at)
}

/** DVC 2.x hashed text files with CRLF taken as LF. Text is what its heuristic says: no NUL in the first 512 bytes, at most 30 % odd characters. */
export function md5Legacy(path: string, size: number): string {
  const bytes = readFileSync(path)
  if (size > 0 && !isText(bytes.subarray(0, 512))) return md5Of(bytes)
  return md5Of(Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'))
}

function isText(block: Uint8Array): boolean {
  if (block.includes(0)) return false
  const odd = block.filter((byte) => !((byte >= 32 && byte < 127) || (byte >= 8 && byte <= 13 && byte !== 11))).length
  return odd / block.length <= 0.3
}

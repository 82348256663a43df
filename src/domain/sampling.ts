import { createHash } from 'node:crypto'

/**
 * Is a row part of a sample of so large a share? The answer hangs on the row's key alone: the first 32 bits of the MD5 of its parts joined
 * by `|` (moments as `2013-01-31T10:00:00Z`), as a fraction of 2^32, are below the share. A larger sample holds every smaller one.
 */
export function inSample(key: readonly (string | number)[], share: number): boolean {
  if (share >= 1) return true
  const digest = createHash('md5').update(key.join('|')).digest()
  return digest.readUInt32BE(0) / 4294967296 < share
}

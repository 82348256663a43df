import { brotliDecompressSync, constants, unzipSync, zstdDecompressSync } from 'node:zlib'
import { snappyUncompress } from 'hyparquet'

type Decompress = (bytes: Uint8Array, size: number) => Uint8Array

/** A frame may ask for a window to look back in, which is made room for at once: as much as all pages may have. */
const WINDOW_LOG = 25

/** Each stops at the size that the page says it has, which is checked before. */
export const DECOMPRESSORS: Readonly<Record<'SNAPPY' | 'GZIP' | 'ZSTD' | 'BROTLI', Decompress>> = {
  SNAPPY: (bytes, size) => {
    const page = new Uint8Array(size)
    snappyUncompress(bytes, page)
    return page
  },
  GZIP: (bytes, size) => unzipSync(bytes, { maxOutputLength: Math.max(1, size) }),
  ZSTD: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size), params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } }),
  BROTLI: (bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, size) }),
}

export function isCompression(codec: string): codec is keyof typeof DECOMPRESSORS {
  return Object.hasOwn(DECOMPRESSORS, codec)
}

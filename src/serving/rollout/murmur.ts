const C1 = 0xcc9e2d51
const C2 = 0x1b873593

/** MurmurHash3_x86_32 of the text's UTF-8 bytes (Appleby, public domain: SMHasher, MurmurHash3.cpp), as feature flags use it. Uniform in [0, 2^32). */
export function murmur3(text: string, seed: number): number {
  const bytes = Buffer.from(text)
  const whole = bytes.length & ~3
  let hash = seed | 0
  for (let i = 0; i < whole; i += 4) {
    hash ^= scramble(bytes.readInt32LE(i))
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let i = bytes.length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i]!
  if (bytes.length > whole) hash ^= scramble(rest)
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scramble(word: number): number {
  const mixed = Math.imul(word, C1)
  return Math.imul((mixed << 15) | (mixed >>> 17), C2)
}

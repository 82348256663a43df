import { randomBytes, randomFillSync } from 'node:crypto'

const ID_BYTES = 16
/** Asking the system for random bytes costs some microseconds each time, which a request id should not. */
const pool = Buffer.alloc(ID_BYTES * 256)
let used = pool.length

/** 32 lower-case hex digits, as MLflow's run ids. */
export function hexId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += ID_BYTES
  return pool.toString('hex', used - ID_BYTES, used)
}

const ENCODING = '0123456789abcdefghjkmnpqrstvwxyz'
let lastTime = 0
let lastRandom: Uint8Array = new Uint8Array(10)

/** A ULID (https://github.com/ulid/spec) in lower case: 26 characters that sort by time; those of one process and one millisecond ascend too. */
export function ulid(now = Date.now()): string {
  if (now > lastTime) {
    lastTime = now
    lastRandom = randomBytes(10)
  } else {
    lastRandom = increment(lastRandom)
  }
  let time = ''
  for (let rest = lastTime, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ENCODING.charAt(rest % 32) + time
  let bits = 0n
  for (const byte of lastRandom) bits = (bits << 8n) | BigInt(byte)
  let random = ''
  for (let i = 0; i < 16; i++, bits >>= 5n) random = ENCODING.charAt(Number(bits & 31n)) + random
  return time + random
}

function increment(bytes: Uint8Array): Uint8Array {
  const next = Uint8Array.from(bytes)
  for (let i = next.length - 1; i >= 0; i--) {
    const value = ((next[i] ?? 0) + 1) & 255
    next[i] = value
    if (value !== 0) break
  }
  return next
}

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { canonicalJson } from '../../platform/events/chain.ts'
import { toMillraceError } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import type { SourceHead } from './store.ts'

export const HEADS_FILE = 'heads.ndjson'
const KEYS_FOLDER = 'keys'
const PRIVATE_KEY_FILE = 'heads.key'

const headSchema = Type.Object({
  source: Type.String(),
  seq: Type.Integer({ minimum: 1 }),
  /** Hash of the source's event `seq`. */
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Wall time of the signature. */
  time: Type.String({ format: 'date-time' }),
  /** Which key signed: names keys/KEY.pub. */
  key: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  /** SHA-256 of the line before this one; 64 zeros for the first. */
  previous: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Ed25519 over the canonical JSON of the rest, base64. */
  signature: Type.String(),
})
export type SignedHead = Static<typeof headSchema>
const compiledHead = Compile(headSchema)

export interface HeadsReport {
  /** The newest head of each source whose signature is good. */
  readonly heads: readonly SignedHead[]
  readonly lines: number
  /** In words, each line that is malformed, forged or out of its chain. */
  readonly problems: readonly string[]
}

/**
 * The signed heads: `heads.ndjson` says, of each source, how far the log reached at some moment and with which hash. Kept apart from the log, so
 * that whoever edits events or cuts off their tail must also forge a signature. One writer.
 */
export class HeadLog {
  readonly #file: string
  readonly #privateKey: KeyObject
  readonly #keyId: string
  readonly #signed = new Map<string, number>()
  #previous: string

  constructor(folder: string) {
    this.#file = join(folder, HEADS_FILE)
    const { privateKey, keyId } = openKey(join(folder, KEYS_FOLDER))
    this.#privateKey = privateKey
    this.#keyId = keyId
    cutTornLine(this.#file)
    const lines = readLines(this.#file)
    this.#previous = lineHash(lines.at(-1))
    for (const line of lines) {
      const head = parseHead(line)
      if (head) this.#signed.set(head.source, head.seq)
    }
  }

  /** Signs each head that is further than what was signed of its source, in one durable write. */
  sign(heads: readonly SourceHead[], now: Date): void {
    let previous = this.#previous
    let text = ''
    const fresh = heads.filter(({ source, seq }) => seq > (this.#signed.get(source) ?? 0))
    if (fresh.length === 0) return
    for (const { source, seq, hash } of fresh) {
      const unsigned = { source, seq, hash, time: now.toISOString(), key: this.#keyId, previous }
      const signature = sign(null, Buffer.from(canonicalJson(unsigned)), this.#privateKey).toString('base64')
      const line = canonicalJson({ ...unsigned, signature })
      previous = lineHash(line)
      text += `${line}\n`
    }
    appendDurable(this.#file, text)
    this.#previous = previous
    for (const { source, seq } of fresh) this.#signed.set(source, seq)
  }
}

/** Reads and checks the heads of the gateway whose folder this is, with the public keys beside them. */
export function readHeads(folder: string): HeadsReport {
  const keys = publicKeys(join(folder, KEYS_FOLDER))
  const problems: string[] = []
  const newest = new Map<string, SignedHead>()
  const lines = readLines(join(folder, HEADS_FILE))
  let previous = lineHash(undefined)
  for (const [i, line] of lines.entries()) {
    const place = `${HEADS_FILE}:${i + 1}`
    const head = parseHead(line)
    const expected = previous
    previous = lineHash(line)
    if (!head) {
      problems.push(`${place}: it is not a signed head`)
      continue
    }
    if (head.previous !== expected) problems.push(`${place}: it does not follow the line before it`)
    const key = keys.get(head.key)
    const { signature, ...unsigned } = head
    if (!key) problems.push(`${place}: it is signed by key ${head.key}, whose public key is not in ${KEYS_FOLDER}/`)
    else if (!verify(null, Buffer.from(canonicalJson(unsigned)), key, Buffer.from(signature, 'base64'))) problems.push(`${place}: its signature is not good`)
    else if (head.seq > (newest.get(head.source)?.seq ?? 0)) newest.set(head.source, head)
  }
  return { heads: [...newest.values()], lines: lines.length, problems }
}

function openKey(folder: string): { privateKey: KeyObject; keyId: string } {
  const file = join(folder, PRIVATE_KEY_FILE)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(file)) {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
    writeFileDurable(file, String(pem), 0o600)
  }
  const privateKey = createPrivateKey(readFileSync(file))
  const publicKey = createPublicKey(privateKey)
  const keyId = idOf(publicKey)
  const publicFile = join(folder, `${keyId}.pub`)
  if (!existsSync(publicFile)) writeFileDurable(publicFile, String(publicKey.export({ type: 'spki', format: 'pem' })))
  return { privateKey, keyId }
}

function publicKeys(folder: string): ReadonlyMap<string, KeyObject> {
  if (!existsSync(folder)) return new Map()
  const keys = readdirSync(folder)
    .filter((name) => name.endsWith('.pub'))
    .map((name) => createPublicKey(readFileSync(join(folder, name))))
  return new Map(keys.map((key) => [idOf(key), key]))
}

function idOf(publicKey: KeyObject): string {
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 16)
}

function parseHead(line: string): SignedHead | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return compiledHead.Check(value) ? value : undefined
  } catch {
    return undefined
  }
}

function lineHash(line: string | undefined): string {
  return line === undefined ? '0'.repeat(64) : createHash('sha256').update(line).digest('hex')
}

function readLines(file: string): readonly string[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  // What follows the last line break is a line whose write was cut short: nobody was told of it.
  return lines.slice(0, -1)
}

function cutTornLine(file: string): void {
  if (!existsSync(file)) return
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end === bytes.length) return
  const fd = openSync(file, 'r+')
  try {
    ftruncateSync(fd, end)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** All of `text` is on disk, or, where that fails, none of it. */
function appendDurable(file: string, text: string): void {
  const bytes = Buffer.from(text)
  let before = 0
  try {
    const fd = openSync(file, 'a', 0o644)
    try {
      before = fstatSync(fd).size
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      fsyncSync(fd)
    } catch (error) {
      ftruncateSync(fd, before)
      throw error
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw toMillraceError(error, `writing ${file}`)
  }
}

import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import type { RecordingConfig } from '../../domain/config.ts'
import { isSensitive } from '../../domain/contract/index.ts'
import { MillraceError, errnoCode, errorMessage } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'

/** Which columns the journal must not hold in plain. */
export interface Mask {
  readonly dropped: ReadonlySet<string>
  readonly hashed: ReadonlySet<string>
  /** A keyed hash of a value, as text; one value has one hash, and nobody without the key can try values out. */
  readonly hash: (value: unknown) => string
}

const HASH_HEX = 32

export interface MaskOptions {
  readonly projectFolder: string
  /** Where the key of the hashes is kept, and made when it is first needed. */
  readonly keyFile: string
}

/** null where nothing is masked. CONFIG_INVALID for a contract that cannot be read. */
export function maskOf({ drop, hash, contracts }: RecordingConfig['mask'], { projectFolder, keyFile }: MaskOptions): Mask | null {
  const hashed = new Set(hash)
  // What the project says to hash is hashed, also where a contract would have it dropped: a hash says no value either.
  const byContract = contracts.flatMap((contract) => sensitiveColumns(resolve(projectFolder, contract), contract)).filter((name) => !hashed.has(name))
  const dropped = new Set([...drop, ...byContract])
  if (dropped.size + hashed.size === 0) return null
  const key = hashed.size === 0 ? null : readKey(keyFile)
  return {
    dropped,
    hashed,
    hash: (value) => (key === null ? '' : createHmac('sha256', key).update(typeof value === 'string' ? value : String(JSON.stringify(value))).digest('hex').slice(0, HASH_HEX)),
  }
}

/** Columns of an ODCS document that are classified, or tagged `pii`. What else stands in it, `millrace contract` judges. */
function sensitiveColumns(file: string, name: string): string[] {
  const document = parseContract(file, name)
  const found: string[] = []
  for (const table of listIn(document, 'schema')) {
    for (const property of listIn(table, 'properties')) {
      const [logical, physical, classification] = ['name', 'physicalName', 'classification'].map((key) => textIn(property, key))
      const tagged = listIn(property, 'tags').some((tag) => typeof tag === 'string' && tag.trim().toLowerCase() === 'pii')
      if (!tagged && !isSensitive(classification)) continue
      for (const column of [logical, physical]) if (column !== undefined) found.push(column)
    }
  }
  return found
}

function parseContract(file: string, name: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new MillraceError('CONFIG_INVALID', `deployments[].journal.mask.contracts: ${name} cannot be read: ${errorMessage(error)}`, { cause: error })
  }
}

function listIn(value: unknown, key: string): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return []
  const found: unknown = Reflect.get(value, key)
  return Array.isArray(found) ? found : []
}

function textIn(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const found: unknown = Reflect.get(value, key)
  return typeof found === 'string' ? found : undefined
}

function readKey(file: string): Buffer {
  try {
    const key = readFileSync(file)
    if (key.length >= 32) return key
    throw new MillraceError('CONFIG_INVALID', `${file} holds ${key.length} bytes, expected the 32 or more that masked values are hashed with`)
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error
    const key = randomBytes(32)
    writeFileDurable(file, key, 0o600)
    return key
  }
}

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { MillraceError } from '../../platform/errors/index.ts'
import { isAlive } from './cache.ts'
import { overlaps } from './project.ts'

/** Absolute paths that a piece of work reads and writes. */
export interface Claim {
  readonly read: readonly string[]
  readonly write: readonly string[]
  /** What others are told that is going on, such as `millrace repro`. */
  readonly command: string
}

const Holder = Type.Object({ pid: Type.Integer(), cmd: Type.String() })
const RwLock = Type.Object({
  write: Type.Optional(Type.Record(Type.String(), Holder)),
  read: Type.Optional(Type.Record(Type.String(), Type.Array(Holder))),
})
type Holder = Static<typeof Holder>
interface Table {
  readonly write: Map<string, Holder>
  readonly read: Map<string, Holder[]>
}

/**
 * Enters the claim into `.dvc/tmp/rwlock`, which every DVC command that touches the paths looks at, and answers the function that takes it
 * out again. Throws DVC_LOCKED where a living process (Millrace or DVC) has claimed what would collide; entries of dead ones are dropped.
 */
export function claimPaths(tmpDir: string, claim: Claim): () => void {
  const file = join(tmpDir, 'rwlock')
  const me = { pid: process.pid, cmd: claim.command }
  if (claim.read.length === 0 && claim.write.length === 0) return () => undefined
  const table = readTable(file)
  refuseCollisions(table, claim, me)
  for (const path of claim.write) table.write.set(path, me)
  for (const path of claim.read) table.read.set(path, [...(table.read.get(path) ?? []), me])
  mkdirSync(tmpDir, { recursive: true })
  writeTable(file, table)
  return () => {
    const now = readTable(file)
    for (const path of claim.write) if (same(now.write.get(path), me)) now.write.delete(path)
    for (const path of claim.read) {
      const readers = now.read.get(path) ?? []
      const index = readers.findIndex((reader) => same(reader, me))
      const rest = readers.filter((_, i) => i !== index)
      if (rest.length > 0) now.read.set(path, rest)
      else now.read.delete(path)
    }
    writeTable(file, now)
  }
}

function refuseCollisions(table: Table, claim: Claim, me: Holder): void {
  for (const [path, holder] of table.write) {
    if (!isAlive(holder.pid)) table.write.delete(path)
    else if (!same(holder, me)) refuse(path, holder, [...claim.read, ...claim.write])
  }
  for (const [path, readers] of table.read) {
    const living = readers.filter((reader) => isAlive(reader.pid))
    if (living.length === 0) table.read.delete(path)
    else table.read.set(path, living)
    for (const reader of living) if (!same(reader, me)) refuse(path, reader, claim.write)
  }
}

function refuse(path: string, holder: Holder, wanted: readonly string[]): void {
  const mine = wanted.find((want) => overlaps(want, path))
  if (mine === undefined) return
  throw new MillraceError('DVC_LOCKED', `${mine}: process ${holder.pid} (${holder.cmd}) is working on ${path}; try again when it is done`)
}

function same(a: Holder | undefined, b: Holder): boolean {
  return a?.pid === b.pid && a.cmd === b.cmd
}

/** A file that a killed DVC left half written counts as empty: its entries were of that process. */
function readTable(file: string): Table {
  const empty = { write: new Map<string, Holder>(), read: new Map<string, Holder[]>() }
  if (!existsSync(file)) return empty
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return empty
    throw error
  }
  if (!Value.Check(RwLock, json)) return empty
  return { write: new Map(Object.entries(json.write ?? {})), read: new Map(Object.entries(json.read ?? {})) }
}

function writeTable(file: string, table: Table): void {
  const json = {
    ...(table.write.size > 0 ? { write: Object.fromEntries(table.write) } : {}),
    ...(table.read.size > 0 ? { read: Object.fromEntries(table.read) } : {}),
  }
  // No sync to disk: a lock is worth nothing after the machine has stopped.
  const temporary = `${file}.${process.pid}.tmp`
  writeFileSync(temporary, JSON.stringify(json))
  renameSync(temporary, file)
}

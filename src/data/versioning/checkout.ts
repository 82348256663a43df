import { chmodSync, existsSync, lstatSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { hasObject, lstatIfAny } from './cache.ts'
import type { LinkType } from './config.ts'
import { hashFile } from './content.ts'
import { isLinkedAs, placeObject } from './link.ts'
import { withLock } from './lock.ts'
import { locate, lookUp } from './objects.ts'
import { isInside, nameOf, type Project } from './project.ts'
import { inSession, type Session } from './session.ts'
import { walkFiles } from './walk.ts'

/** One output as it should be in the working tree. */
export interface WantedOut {
  readonly path: string
  readonly oid: string
  readonly isexec: boolean
  readonly legacy: boolean
}

export interface CheckoutOptions {
  /** Only these files and folders (absolute; also parts of a tracked folder). */
  readonly targets?: readonly string[]
  /** Overwrite and remove files whose content is not in the cache. */
  readonly force?: boolean
  /** Also make the links of unchanged files be of the configured type. */
  readonly relink?: boolean
  /** Overrides `cache.type`: outputs that Git keeps must be plain files. */
  readonly linkTypes?: readonly LinkType[]
}

export interface CheckoutResult {
  /** Outputs, relative to the project. */
  readonly added: readonly string[]
  readonly modified: readonly string[]
  /** Files written and removed. */
  readonly written: number
  readonly removed: number
}

/**
 * Makes the working tree hold the versions named. Whole outputs are left alone where their data is not in the cache: the others are done,
 * then DVC_MISSING_DATA names them. Throws DVC_WOULD_LOSE_DATA, before it changes anything, where a file that would go is nowhere else.
 */
export function checkoutOuts(project: Project, outs: readonly WantedOut[], options: CheckoutOptions = {}): CheckoutResult {
  const chosen = outs.filter((out) => wanted(out.path, options.targets))
  return withLock(project, { read: [], write: chosen.map((out) => out.path), command: 'millrace data checkout' }, () =>
    inSession(project, (session) => checkoutInSession(session, chosen, options)),
  )
}

export function checkoutInSession(session: Session, outs: readonly WantedOut[], options: CheckoutOptions = {}): CheckoutResult {
  const { project } = session
  const missing: string[] = []
  const plans = outs.flatMap((out) => {
    const known = lookUp(session, out)
    if (known.missing.length > 0) {
      missing.push(`${nameOf(project, out.path)} (${known.missing.length} of its objects, first ${known.missing[0] ?? ''})`)
      return []
    }
    return [plan(session, out, known.entries, options)]
  })
  if (!options.force) refuseLoss(session, plans)
  const added: string[] = []
  const modified: string[] = []
  for (const step of plans) {
    apply(session, step, options)
    if (step.place.length + step.remove.length > 0) (step.isNew ? added : modified).push(nameOf(project, step.out.path))
  }
  if (missing.length > 0) {
    throw new MillraceError('DVC_MISSING_DATA', `not in the cache ${project.config.cacheDir}: ${missing.join(', ')}; pull it from a remote, or take it from where it was made`, { details: missing })
  }
  const count = (of: 'place' | 'remove') => plans.reduce((sum, step) => sum + step[of].length, 0)
  return { added, modified, written: count('place'), removed: count('remove') }
}

function wanted(path: string, targets: readonly string[] | undefined): boolean {
  return targets === undefined || targets.some((target) => isInside(path, target) || isInside(target, path))
}

interface Plan {
  readonly out: WantedOut
  readonly isNew: boolean
  readonly place: readonly { readonly path: string; readonly oid: string }[]
  /** Files that the version does not have. */
  readonly remove: readonly string[]
  /** The files whose present content would be gone, with its hash. */
  readonly lost: readonly { readonly path: string; readonly md5: string }[]
}

function plan(session: Session, out: WantedOut, entries: ReturnType<typeof lookUp>['entries'], options: CheckoutOptions): Plan {
  const isNew = lstatIfAny(out.path) === undefined
  const all = entries ? entries.map((entry) => ({ path: resolve(out.path, entry.relpath), oid: entry.md5 })) : [{ path: out.path, oid: out.oid }]
  const desired = new Map(all.filter((file) => inTargets(file.path, options.targets)).map((file) => [file.path, file.oid]))
  const present = presentFiles(session, out).filter((file) => inTargets(file.path, options.targets))
  const kept = new Set<string>()
  const lost: { path: string; md5: string }[] = []
  const remove: string[] = []
  for (const { path, md5 } of present) {
    const oid = desired.get(path)
    if (oid === md5 && !(options.relink && mustRelink(session, out, oid, path, options))) kept.add(path)
    else if (oid !== md5) lost.push({ path, md5 })
    if (oid === undefined) remove.push(path)
  }
  const place = [...desired].filter(([path]) => !kept.has(path)).map(([path, oid]) => ({ path, oid }))
  return { out, isNew, place, remove, lost }
}

function inTargets(path: string, targets: readonly string[] | undefined): boolean {
  return targets === undefined || targets.some((target) => isInside(path, target))
}

function presentFiles(session: Session, out: WantedOut): readonly { path: string; md5: string }[] {
  // A link that leads nowhere has no content to lose; it is replaced like a missing file.
  const stat = statSync(out.path, { throwIfNoEntry: false })
  if (!stat) return []
  const files = stat.isDirectory() ? walkFiles(session, out.path) : [{ path: out.path, stat }]
  return files.map((file) => ({ path: file.path, md5: hashFile(session, file.path, file.stat, undefined, out.legacy) }))
}

function mustRelink(session: Session, out: WantedOut, oid: string, path: string, options: CheckoutOptions): boolean {
  const [type = 'copy'] = options.linkTypes ?? session.project.config.linkTypes
  return !isLinkedAs(type, locate(session, out, oid), path)
}

function refuseLoss(session: Session, plans: readonly Plan[]): void {
  const kept = (out: WantedOut, md5: string) => (out.legacy ? existsSync(locate(session, out, md5)) : hasObject(session.project.config.cacheDir, md5))
  const lost = plans.flatMap((step) => step.lost.filter(({ md5 }) => !kept(step.out, md5)).map(({ path }) => nameOf(session.project, path)))
  if (lost.length === 0) return
  const more = lost.length > 5 ? ` and ${lost.length - 5} more` : ''
  throw new MillraceError('DVC_WOULD_LOSE_DATA', `${lost.slice(0, 5).join(', ')}${more}: changed and never added; add or remove it, or use --force`, { details: lost })
}

function apply(session: Session, step: Plan, options: CheckoutOptions): void {
  const { project } = session
  const isFolder = step.out.oid.endsWith('.dir')
  for (const path of step.remove) rmSync(path, { force: true })
  clearTheWay(step, isFolder)
  const types = options.linkTypes ?? project.config.linkTypes
  for (const { path, oid } of step.place) {
    placeObject(locate(session, step.out, oid), path, types, step.out.isexec && !isFolder)
    const stat = lstatSync(path)
    if (stat.isFile()) session.hashes.put(nameOf(project, path), stat, oid, true)
  }
  if (!isFolder && step.out.isexec) makeExecutable(step.out.path)
  for (const folder of new Set(step.remove.map((path) => dirname(path)))) removeEmpty(folder, step.out.path)
}

/** A folder where a file should be, or a file where a folder should be: by now it holds nothing that would be lost. */
function clearTheWay(step: Plan, isFolder: boolean): void {
  const stat = lstatIfAny(step.out.path)
  if (!stat || step.place.length === 0) return
  if (stat.isDirectory() !== isFolder && !stat.isSymbolicLink()) rmSync(step.out.path, { recursive: true, force: true })
  else if (stat.isSymbolicLink() && isFolder && !statSync(step.out.path, { throwIfNoEntry: false })?.isDirectory()) rmSync(step.out.path)
  for (const { path } of step.place) if (lstatIfAny(path)?.isDirectory()) rmSync(path, { recursive: true })
}

function makeExecutable(path: string): void {
  const { mode } = statSync(path)
  if ((mode & 0o100) === 0) chmodSync(path, mode | 0o111)
}

function removeEmpty(folder: string, top: string): void {
  for (let here = folder; here !== top && isInside(here, top); here = dirname(here)) {
    if (lstatIfAny(here)?.isDirectory() !== true || readdirSync(here).length > 0) return
    rmdirSync(here)
  }
}

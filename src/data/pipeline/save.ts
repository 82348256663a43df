import { MillraceError } from '../../platform/errors/index.ts'
import { gitSync } from '../../platform/git/index.ts'
import { relink } from '../versioning/add.ts'
import { ObjectWriter } from '../versioning/cache.ts'
import { readContent, type Content } from '../versioning/content.ts'
import { ignoreInGit } from '../versioning/gitignore.ts'
import { nameOf } from '../versioning/project.ts'
import type { Session } from '../versioning/session.ts'
import { readDeps, readParams } from './changes.ts'
import type { Pipelines } from './load.ts'
import type { LockEntry } from './lock-file.ts'
import { isRunCacheable, saveRun } from './run-cache.ts'
import type { Stage } from './stage.ts'

/**
 * Keeps what a stage has made: outputs into the cache, the run into the run cache, the entry into dvc.lock, in this order, so that dvc.lock never
 * names data that is not there. Throws PIPELINE_OUTPUT_MISSING, DVC_TRACKED_BY_GIT.
 */
export function saveStage(session: Session, pipelines: Pipelines, stage: Stage): LockEntry {
  const { project } = session
  // An output that Git keeps goes to the cache only for the run cache; and of those, as in DVC, only metrics and plots may be there at all.
  const runCache = isRunCacheable(stage) && stage.outs.every((out) => out.cache || out.kind !== 'out')
  const ignoreFiles = ignoreInGit(project, stage.outs.filter((out) => out.cache).map((out) => out.path))
  const writer = new ObjectWriter(project.config.cacheDir)
  let contents: readonly Content[]
  try {
    contents = stage.outs.map((out) => {
      const content = readContent(session, out.path, out.cache || runCache ? writer : undefined)
      if (!content) throw new MillraceError('PIPELINE_OUTPUT_MISSING', `stage ${stage.address}: its command ended well but did not make ${nameOf(project, out.path)}`)
      return content
    })
    writer.commit()
  } finally {
    writer.abort()
  }
  const entry: LockEntry = {
    cmd: stage.cmd,
    deps: readDeps(session, stage),
    params: readParams(session, stage),
    outs: stage.outs.flatMap((out, i) => {
      const content = contents[i]
      return content ? [{ name: out.name, oid: content.oid, size: content.size, ...optional(content) }] : []
    }),
  }
  if (runCache) saveRun(project, entry)
  const lock = pipelines.lockOf(stage)
  const changed = lock.set(stage.name, entry)
  for (const [i, out] of stage.outs.entries()) if (out.cache && contents[i]) relink(session, out.path, contents[i])
  const toStage = [...ignoreFiles, ...(changed ? [lock.file] : [])]
  if (project.config.autostage && project.gitRoot !== undefined && toStage.length > 0) gitSync(project.root, ['add', '--', ...toStage])
  return entry
}

function optional(content: Content): { readonly nfiles?: number; readonly isexec?: boolean } {
  return { ...(content.nfiles === undefined ? {} : { nfiles: content.nfiles }), ...(content.isexec ? { isexec: true } : {}) }
}

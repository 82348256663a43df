import { join, resolve } from 'node:path'
import type { ProjectConfig } from '../domain/config.ts'
import { type Blobs, fileBlobs, openS3Blobs, parseS3 } from '../platform/blobs/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import type { Logger } from '../platform/log/index.ts'
import { ARTIFACT_SCHEME } from './tracking/artifacts/uri.ts'

interface Place {
  readonly config: ProjectConfig
  readonly projectFolder: string
  /** The service's own, which holds the artifacts when nothing else is said. */
  readonly folder: string
}

export async function openArtifacts({ config, projectFolder, folder }: Place): Promise<Blobs> {
  const { artifacts } = config.storage
  if (artifacts === undefined) return fileBlobs(join(folder, 'artifacts'))
  const s3 = parseS3(artifacts)
  if (s3 !== undefined) return openS3Blobs(s3)
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(artifacts)) throw new MillraceError('CONFIG_INVALID', `storage.artifacts: found ${artifacts}, expected a folder or s3://BUCKET/PREFIX`)
  return fileBlobs(resolve(projectFolder, artifacts))
}

/** Longer than any upload takes that is still going on. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000

/** What killed processes and clients that went away left unfinished in a store that many share. Nothing waits for it, and a failure is only told. */
export function tidyArtifacts({ direct }: Blobs, log: Logger): void {
  direct?.abandonParts(new Date(Date.now() - ABANDONED_AFTER_MS)).then(
    (count) => count > 0 && log.info({ count }, 'removed unfinished uploads from the store of artifacts'),
    (error: unknown) => log.warn({ err: error }, 'unfinished uploads stay in the store of artifacts'),
  )
}

/** Without a slash at its end: an experiment's number follows. */
export function artifactRootOf({ storage }: ProjectConfig): string {
  return (storage.default_artifact_root ?? `${ARTIFACT_SCHEME}:`).replace(/\/+$/, '')
}

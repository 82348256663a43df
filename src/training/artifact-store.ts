import { join, resolve } from 'node:path'
import type { ProjectConfig } from '../domain/config.ts'
import { type Blobs, fileBlobs } from '../platform/blobs/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import { ARTIFACT_SCHEME } from './tracking/artifacts/uri.ts'

interface Place {
  readonly config: ProjectConfig
  readonly projectFolder: string
  /** The service's own, which holds the artifacts when nothing else is said. */
  readonly folder: string
}

export function openArtifacts({ config, projectFolder, folder }: Place): Blobs {
  const { artifacts } = config.storage
  if (artifacts === undefined) return fileBlobs(join(folder, 'artifacts'))
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(artifacts)) throw new MillraceError('CONFIG_INVALID', `storage.artifacts: found ${artifacts}, expected a folder`)
  return fileBlobs(resolve(projectFolder, artifacts))
}

/** Without a slash at its end: an experiment's number follows. */
export function artifactRootOf({ storage }: ProjectConfig): string {
  return (storage.default_artifact_root ?? `${ARTIFACT_SCHEME}:`).replace(/\/+$/, '')
}

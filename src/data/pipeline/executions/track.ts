import { createHash } from 'node:crypto'
import { changedPaths, headCommit } from '../../../platform/git/repository.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { Project } from '../../versioning/index.ts'
import { readPipelineState, trackState, type RunTracking, type Tracked } from '../track/index.ts'

export interface TrackProjectOptions {
  readonly experiment: string
  /** Registers the model under this name; absent: only the run is logged. */
  readonly model?: string
}

/**
 * Logs what dvc.lock, metrics and plots of the project say at present as a run. The same state of the same commit, logged again, gives the same run and the same
 * version. Throws NOT_FOUND where nothing is committed, and as `trackState`.
 */
export async function trackProject(project: Project, tracking: RunTracking, options: TrackProjectOptions): Promise<Tracked> {
  const commit = await headCommit(project.root)
  if (commit === undefined) throw new MillraceError('NOT_FOUND', `${project.root} has no commit yet: a run names the commit that it came from`)
  const state = readPipelineState(project)
  const dirty = (await changedPaths(project.root)).some(({ state: letters }) => letters !== '??')
  return trackState(tracking, state, {
    experiment: options.experiment,
    runName: `repro-${commit.slice(0, 8)}`,
    identity: { key: 'millrace.state', value: createHash('sha256').update(`${commit} ${state.digest}`).digest('hex') },
    commit,
    tags: dirty ? { 'millrace.git.dirty': 'true' } : {},
    startTime: Date.now(),
    register: options.model,
  })
}

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nameOf, type Project } from '../../versioning/project.ts'
import type { Pipelines } from '../load.ts'

/** A file that is kept with a run: its name there, with `/`, and where it lies. */
export interface Artifact {
  readonly path: string
  readonly file: string
}

/** What makes up a run for people and for serving, where the project has it. Training tables and other bulk stay in DVC, which has versions of them. */
const KEPT = ['model', 'plots', 'reports', 'dvc.lock', 'dvc.yaml', 'params.yaml'] as const

/** By path. Links that DVC made into its cache are followed. */
export function listArtifacts(project: Project, pipelines: Pipelines): readonly Artifact[] {
  const metrics = pipelines.stages.flatMap((stage) => stage.outs.filter((out) => out.kind !== 'out').map((out) => out.path))
  const files = new Map<string, string>()
  for (const path of [...KEPT.map((name) => join(project.root, name)), ...metrics]) {
    for (const file of filesIn(path)) files.set(nameOf(project, file), file)
  }
  return [...files].map(([path, file]) => ({ path, file })).sort((a, b) => (a.path < b.path ? -1 : 1))
}

function filesIn(path: string): readonly string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => name !== '.gitignore')
    .flatMap((name) => filesIn(join(path, name)))
}

import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { MillraceError } from '../../platform/errors/index.ts'
import { findTrackingFiles, readAllData, type OwnedOut, type Owner } from '../versioning/data-files.ts'
import { readYaml } from '../versioning/formats/yaml-read.ts'
import { nameOf, type Project } from '../versioning/project.ts'
import { inSession, type Session } from '../versioning/session.ts'
import { expandStages } from './expand.ts'
import { buildGraph, type Graph, type Node } from './graph.ts'
import { LockFile } from './lock-file.ts'
import { toStage, type Stage } from './stage.ts'

/** Everything that DVC's files say of a project. */
export interface Pipelines {
  readonly project: Project
  readonly graph: Graph
  readonly stages: readonly Stage[]
  readonly data: readonly OwnedOut[]
  lockOf(stage: Stage): LockFile
}

/** Reads every dvc.yaml, dvc.lock and `.dvc` file. Throws DVC_FILE_INVALID, DVC_OVERLAP, PIPELINE_CYCLE. */
export function loadPipelines(session: Session): Pipelines {
  const { project } = session
  const files = findTrackingFiles(session)
  const data = readAllData(session, files)
  const stages = files.pipelineFiles.flatMap((file) => readStages(project, file))
  const locks = new Map(files.pipelineFiles.map((file) => {
    const lock = join(dirname(file), 'dvc.lock')
    return [file, new LockFile(lock, nameOf(project, lock))]
  }))
  const byFile = Map.groupBy(data, (owned) => owned.file.file)
  const nodes: readonly Node[] = [
    ...[...byFile].map(([file, outs]): Node => ({ kind: 'data', file, outs })),
    ...stages.map((stage): Node => ({ kind: 'stage', stage })),
  ]
  return {
    project, stages, data, graph: buildGraph(project, nodes),
    lockOf: (stage) => {
      const lock = locks.get(stage.file)
      if (!lock) throw new MillraceError('PIPELINE_STAGE_UNKNOWN', `${stage.address}: its dvc.yaml was not read`)
      return lock
    },
  }
}

function readStages(project: Project, file: string): readonly Stage[] {
  const folder = dirname(file)
  const yaml = readYaml(readFileSync(file, 'utf8'), nameOf(project, file))
  const stages = expandStages(yaml, project.root, relative(project.root, folder), project.config.parsing).map((resolved) => toStage(project, file, folder, resolved))
  const seen = new Set<string>()
  for (const stage of stages) {
    if (seen.has(stage.name)) throw new MillraceError('DVC_FILE_INVALID', `${yaml.file}: two stages come out as ${stage.name}`)
    seen.add(stage.name)
  }
  return stages
}

/** The paths that stages own, for `addDataset`, which must not take one of them. */
export function pipelineOwners(project: Project): readonly Owner[] {
  return inSession(project, (session) =>
    findTrackingFiles(session).pipelineFiles.flatMap((file) =>
      readStages(project, file).flatMap((stage) => stage.outs.map(({ path }) => ({ path, name: `stage ${stage.address}` }))),
    ),
  )
}

/**
 * What the user named: a stage, all stages of a `foreach` or `matrix` group, a dvc.yaml (all its stages), `FILE:STAGE`, a `.dvc` file, or an
 * output's path. Without targets: all stages of the dvc.yaml in `base`. Throws PIPELINE_STAGE_UNKNOWN with the names that there are.
 */
export function findTargets(pipelines: Pipelines, targets: readonly string[], base: string): readonly Node[] {
  const { nodes } = pipelines.graph
  if (targets.length === 0) {
    const file = join(base, 'dvc.yaml')
    const found = nodes.filter((node) => node.kind === 'stage' && node.stage.file === file)
    if (found.length === 0) throw new MillraceError('PIPELINE_STAGE_UNKNOWN', `${file}: no such pipeline, or no stages in it`)
    return found
  }
  return targets.flatMap((target) => {
    const path = resolve(base, target)
    const found = nodes.filter((node) =>
      node.kind === 'data'
        ? node.file === path || node.outs.some(({ out }) => out.path === path)
        : named(node.stage, target, base) || node.stage.file === path || node.stage.outs.some((out) => out.path === path),
    )
    if (found.length > 0) return found
    const known = pipelines.stages.map((stage) => stage.address).join(', ') || 'none'
    throw new MillraceError('PIPELINE_STAGE_UNKNOWN', `${target}: no stage, output or .dvc file of that name; the stages are: ${known}`)
  })
}

function named(stage: Stage, target: string, base: string): boolean {
  if (stage.address === target) return true
  const colon = target.lastIndexOf(':')
  const file = resolve(base, colon > 0 ? target.slice(0, colon) : 'dvc.yaml')
  const name = colon >= 0 ? target.slice(colon + 1) : target
  return stage.file === file && (stage.name === name || stage.name.startsWith(`${name}@`))
}

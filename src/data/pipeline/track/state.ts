import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isPyMap, PyFloat, pyStr, type PyMap, type PyValue } from '../../versioning/formats/py-value.ts'
import { nameOf, type Project } from '../../versioning/project.ts'
import { inSession } from '../../versioning/session.ts'
import { loadPipelines, type Pipelines } from '../load.ts'
import { readParamsFile } from '../params.ts'
import { listArtifacts, type Artifact } from './artifacts.ts'
import { readContractResult, readOnlineFeatures, readTrainingWindow, type ContractResult, type TrainingWindow } from './model-facts.ts'

/** What dvc.lock, the metrics and the plots of a project say at present: everything of a run but who made it. */
export interface PipelineState {
  /** By dotted name; those of other files than params.yaml start with `FILE:`. Python's words, as its clients write them. */
  readonly params: ReadonlyMap<string, string>
  readonly metrics: ReadonlyMap<string, number>
  /** Metrics over steps, from plots that have one. */
  readonly series: readonly SeriesPoint[]
  /** Path → DVC hash of each tracked data set. */
  readonly data: ReadonlyMap<string, string>
  readonly artifacts: readonly Artifact[]
  /** The folder among the artifacts that holds an MLmodel file; undefined where there is none. */
  readonly model: string | undefined
  /** SHA-256 over the names and contents of the files of that folder: two models that agree in it are one. */
  readonly modelDigest: string | undefined
  readonly contract: ContractResult | undefined
  /** `view:feature`: what the model reads from the online store. */
  readonly features: readonly string[]
  readonly trainedOn: TrainingWindow | undefined
  /** SHA-256 over dvc.lock: the same pipeline on the same inputs with the same results. */
  readonly digest: string
}

export interface SeriesPoint {
  readonly key: string
  readonly step: number
  readonly value: number
}

/** Throws DVC_FILE_INVALID for files of DVC's that are malformed, PIPELINE_INPUT_MISSING where nothing has been run yet. */
export function readPipelineState(project: Project): PipelineState {
  const pipelines = inSession(project, loadPipelines)
  const artifacts = listArtifacts(project, pipelines)
  const model = artifacts.find(({ path }) => /^[^/]+\/MLmodel$/.test(path))?.path.split('/')[0]
  return {
    params: paramsOf(pipelines),
    metrics: metricsOf(pipelines),
    series: seriesOf(pipelines),
    data: new Map(pipelines.data.flatMap(({ out }) => (out.oid === undefined ? [] : [[nameOf(project, out.path), out.oid]]))),
    artifacts,
    model,
    modelDigest: model === undefined ? undefined : digestOfModel(artifacts, model),
    contract: readContractResult(artifacts),
    features: model === undefined ? [] : readOnlineFeatures(artifacts, model),
    trainedOn: model === undefined ? undefined : readTrainingWindow(artifacts, model),
    digest: digestOf(project),
  }
}

/** The tracked data sets that a project names, without looking at stages: what an execution is about to run on. */
export function readDataVersions(project: Project): ReadonlyMap<string, string> {
  const { data } = inSession(project, loadPipelines)
  return new Map(data.flatMap(({ out }) => (out.oid === undefined ? [] : [[nameOf(project, out.path), out.oid]])))
}

function paramsOf(pipelines: Pipelines): ReadonlyMap<string, string> {
  const params = new Map<string, string>()
  for (const stage of pipelines.stages) {
    for (const [file, values] of pipelines.lockOf(stage).get(stage.name)?.params ?? []) {
      const prefix = file === 'params.yaml' ? '' : `${file}:`
      for (const [key, value] of leaves(values)) params.set(`${prefix}${key}`, value === null ? 'None' : pyStr(value))
    }
  }
  return params
}

/** Mappings become dotted names; a list is one value, as MLflow's clients log it. */
function* leaves(value: PyMap, above = ''): Generator<[string, PyValue]> {
  for (const [key, item] of value) {
    const name = above === '' ? String(key) : `${above}.${key}`
    if (isPyMap(item)) yield* leaves(item, name)
    else yield [name, item]
  }
}

function metricsOf(pipelines: Pipelines): ReadonlyMap<string, number> {
  const metrics = new Map<string, number>()
  const files = pipelines.stages.flatMap((stage) => stage.outs.filter((out) => out.kind === 'metric'))
  for (const file of files) {
    const values = readParamsFile(file.path, file.name)
    if (!values) continue
    const prefix = files.length === 1 || file.name === 'metrics.json' ? '' : `${file.name.replace(/\.[^.]+$/, '')}/`
    for (const [key, value] of leaves(values)) {
      const number = numeric(value)
      if (number !== undefined) metrics.set(`${prefix}${key}`, number)
    }
  }
  return metrics
}

const STEP_FIELDS = ['step', 'iteration', 'epoch']

/** A plot is a curve over steps if it is a list of objects with a step; other plots (a ROC curve) are artifacts only. */
function seriesOf(pipelines: Pipelines): readonly SeriesPoint[] {
  return pipelines.stages.flatMap((stage) => stage.outs.filter((out) => out.kind === 'plot').flatMap((out) => plotFiles(out.path))).flatMap(({ name, file }) => curves(name, file))
}

function plotFiles(path: string): readonly { readonly name: string; readonly file: string }[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return path.endsWith('.json') ? [{ name: baseName(path), file: path }] : []
  const training = join(path, 'training.json')
  return existsSync(training) ? [{ name: 'training', file: training }] : []
}

function baseName(path: string): string {
  return (path.split(/[/\\]/).at(-1) ?? path).replace(/\.json$/, '')
}

function curves(name: string, file: string): readonly SeriesPoint[] {
  const points: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(points)) return []
  return points.flatMap((point: unknown): SeriesPoint[] => {
    if (typeof point !== 'object' || point === null) return []
    const fields = Object.entries(point)
    const step = fields.find(([key]) => STEP_FIELDS.includes(key))
    if (step === undefined || !Number.isSafeInteger(step[1])) return []
    return fields.flatMap(([key, value]) => (key !== step[0] && typeof value === 'number' && Number.isFinite(value) ? [{ key: `${name}/${key}`, step: Number(step[1]), value }] : []))
  })
}

function numeric(value: PyValue): number | undefined {
  if (value instanceof PyFloat) return value.value
  if (typeof value === 'number') return value
  return typeof value === 'bigint' ? Number(value) : undefined
}

function digestOf(project: Project): string {
  const file = join(project.root, 'dvc.lock')
  return createHash('sha256').update(existsSync(file) ? readFileSync(file) : '').digest('hex')
}

/** By path, as `artifacts` are. A model is small beside what it learned from: its files are read whole. */
function digestOfModel(artifacts: readonly Artifact[], model: string): string {
  const hash = createHash('sha256')
  for (const { path, file } of artifacts.filter((artifact) => artifact.path.startsWith(`${model}/`))) {
    hash.update(`${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${path.slice(model.length + 1)}\n`)
  }
  return hash.digest('hex')
}

/** The stages of the project's pipelines, in the order of their files. */
export function stageNames(project: Project): readonly string[] {
  return inSession(project, loadPipelines).stages.map((stage) => stage.address)
}

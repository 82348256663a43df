import { createHash } from 'node:crypto'
import type { LoggedModel, ModelVersion, Run } from '../../../api/tracking.ts'
import { type Content, Summary, modelFacts, runFacts } from './digest.ts'
import { inParallel } from './parallel.ts'
import type { CopiedVersion, FilesOf, Mark, Source, Target } from './port.ts'
import { withoutMarks } from './millrace-target.ts'
import { keptLocation } from './locations.ts'

const WIDTH = 4
/** Differences that a report names; the rest is counted. */
const NAMED = 100

export interface Report {
  readonly runs: number
  readonly models: number
  readonly registered: number
  readonly versions: number
  readonly points: number
  readonly files: number
  readonly bytes: number
  /** In words, the first hundred. */
  readonly differences: readonly string[]
  readonly different: number
}

/**
 * Reads back everything at the target and compares it with what was read at the source when it was copied: the facts of each run and logged model, every point,
 * every file's bytes; and registered models, versions and aliases with the source as it is now.
 */
export async function verifyAll(from: Source, to: Target, done: (count: number) => void): Promise<Report> {
  const total = { runs: 0, models: 0, registered: 0, versions: 0, points: 0, files: 0, bytes: 0, different: 0 }
  const differences: string[] = []
  const differ = (text: string): void => {
    total.different++
    if (differences.length < NAMED) differences.push(text)
  }
  const compare = (what: string, mark: Mark | undefined, found: Content | undefined): void => {
    done(1)
    if (found === undefined) return differ(`${what}: is not there`)
    total.points += found.points
    total.files += found.files
    total.bytes += found.bytes
    if (mark === undefined) return differ(`${what}: has not been copied whole`)
    const expected = JSON.parse(mark.content) as Content
    for (const count of ['points', 'files', 'bytes'] as const) {
      if (expected[count] !== found[count]) return differ(`${what}: ${found[count]} ${count}, expected ${expected[count]}`)
    }
    if (expected.digest !== found.digest) differ(`${what}: its content is another`)
  }

  for await (const experiment of from.experiments()) {
    const id = await to.experiment(experiment)
    for await (const page of from.runs(experiment.experiment_id)) {
      const marks = await to.marks('run', page.map(({ info }) => info.run_id), id)
      await inParallel(page, WIDTH, async ({ info }) => {
        const there = await to.runId(info.run_id)
        const run = there === undefined ? undefined : await to.source.run(there)
        compare(`run ${info.run_id}`, marks.get(info.run_id), run === undefined ? undefined : await readRun(to.source, run))
        total.runs++
      })
    }
    for await (const page of from.models(experiment.experiment_id)) {
      const marks = await to.marks('model', page.map(({ info }) => info.model_id), id)
      await inParallel(page.filter(({ deleted }) => !deleted), WIDTH, async ({ info }) => {
        const there = await to.modelId(info.model_id)
        const model = there === undefined ? undefined : await to.source.model(there)
        compare(`logged model ${info.model_id}`, marks.get(info.model_id), model === undefined ? undefined : await readModel(to.source, model))
        total.models++
      })
    }
  }
  await verifyRegistry(from, to, { differ, registered: () => total.registered++, version: () => total.versions++ })
  return { ...total, differences }
}

async function readRun(source: Source, run: Run): Promise<Content> {
  const summary = new Summary()
  for (const { key } of run.data.metrics) for await (const points of source.history(run.info.run_id, key)) summary.addPoints(points)
  await readFiles(source, { kind: 'run', id: run.info.run_id, uri: run.info.artifact_uri }, summary)
  return summary.content(runFacts(run))
}

async function readModel(source: Source, model: LoggedModel): Promise<Content> {
  const summary = new Summary()
  await readFiles(source, { kind: 'model', id: model.info.model_id, uri: model.info.artifact_uri }, summary)
  return summary.content(modelFacts(model))
}

async function readFiles(source: Source, place: FilesOf, summary: Summary): Promise<void> {
  if (keptLocation(place.uri) !== undefined) return
  for await (const { path } of source.files(place)) {
    const hash = createHash('sha256')
    let size = 0
    for await (const part of await source.read(place, path)) {
      hash.update(part)
      size += part.length
    }
    summary.addFile(path, size, hash.digest('hex'))
  }
}

interface Tally {
  readonly differ: (text: string) => void
  readonly registered: () => void
  readonly version: () => void
}

async function verifyRegistry(from: Source, to: Target, { differ, registered, version: counted }: Tally): Promise<void> {
  const there = new Map<string, string>()
  for await (const model of to.source.registered()) there.set(model.name, modelText(model))
  for await (const model of from.registered()) {
    registered()
    const found = there.get(model.name)
    if (found === undefined) {
      differ(`model ${model.name}: is not there`)
      continue
    }
    if (found !== modelText(model)) differ(`model ${model.name}: its description, tags or aliases are others`)
    // Both sides give versions in order of their numbers.
    const others = versionsOf(to.source, model.name)[Symbol.asyncIterator]()
    for await (const version of versionsOf(from, model.name)) {
      counted()
      const { value: other } = await others.next()
      if (other === undefined || Number(other.version) !== Number(version.version)) {
        differ(`model ${model.name}, version ${version.version}: is not there`)
        break
      }
      const expected = versionText({ ...version, run_id: '', model_id: '', ...(await to.expectedVersion(version)) })
      if (expected !== versionText(other)) differ(`model ${model.name}, version ${version.version}: its description, stage, tags, run or model are others`)
    }
  }
}

async function* versionsOf(source: Source, name: string): AsyncIterable<CopiedVersion> {
  for await (const page of source.versions(name)) yield* page
}

function modelText({ description, tags, aliases }: { readonly description?: string; readonly tags?: readonly { readonly key: string; readonly value: string }[]; readonly aliases?: readonly { readonly alias: string; readonly version: string }[] }): string {
  return JSON.stringify([description ?? '', pairs(tags ?? []), (aliases ?? []).map(({ alias, version }) => `${alias}=${Number(version)}`).toSorted()])
}

function versionText({ description, current_stage, tags, run_id, model_id }: ModelVersion): string {
  return JSON.stringify([description ?? '', current_stage ?? 'None', pairs(tags ?? []), run_id ?? '', model_id ?? ''])
}

function pairs(tags: readonly { readonly key: string; readonly value: string }[]): readonly string[] {
  return withoutMarks(tags)
    .map(({ key, value }) => `${key}=${value ?? ''}`)
    .toSorted()
}

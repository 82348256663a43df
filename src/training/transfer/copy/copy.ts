import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../../../../sdk/http.ts'
import type { Run } from '../../../api/tracking.ts'
import { type Content, Summary, fingerprintOf, modelFacts, runFacts } from './digest.ts'
import { inParallel } from './parallel.ts'
import type { CopiedModel, FilesOf, Mark, Note, Source, Target } from './port.ts'
import type { Progress } from './progress.ts'

/** Runs in flight at once: enough to keep a slow server busy, few enough to hold little. */
const WIDTH = 4
const ATTEMPTS = 4

export interface CopyOptions {
  readonly from: Source
  readonly to: Target
  readonly progress: Progress
  readonly note: Note
  /** Copy again also what its mark says has not changed. */
  readonly again: boolean
}

/** Copies everything. What has its mark at the target and has not changed is passed over, so that a copy that was killed goes on where it was. */
export async function copyAll(options: CopyOptions): Promise<void> {
  const { from, to, progress } = options
  for await (const experiment of from.experiments()) {
    const id = await to.experiment(experiment)
    progress.add('experiments')
    for await (const page of from.runs(experiment.experiment_id)) {
      const marks = await to.marks('run', page.map(({ info }) => info.run_id), id)
      await inParallel(page, WIDTH, (run) => retried(() => copyRun(options, run, id, marks.get(run.info.run_id))))
    }
    for await (const page of from.models(experiment.experiment_id)) {
      const marks = await to.marks('model', page.map(({ info }) => info.model_id), id)
      await inParallel(page, WIDTH, (model) => retried(() => copyModel(options, model, id, marks.get(model.info.model_id))))
    }
    await to.finishExperiment(experiment, id)
  }
  for await (const model of from.registered()) {
    await retried(() => to.registered(model, from.versions(model.name)))
    progress.add('registered')
  }
}

export async function copyRun({ from, to, progress, note, again }: CopyOptions, run: Run, experimentId: string, mark: Mark | undefined): Promise<void> {
  const { run_id: id, artifact_uri: uri } = run.info
  const fingerprint = fingerprintOf([runFacts(run), uri])
  if (mark?.fingerprint === fingerprint && !again) return progress.add('passed')
  const there = await to.run(run, experimentId)
  const summary = new Summary()
  for (const { key } of run.data.metrics) {
    for await (const points of from.history(id, key)) {
      if (points.length === 0) continue
      await to.points(there, points)
      summary.addPoints(points)
      progress.add('points', points.length)
    }
  }
  if (there.files !== undefined) await copyFiles({ from, to, progress, note }, { kind: 'run', id, uri }, there.files, summary)
  const content: Content = summary.content(runFacts(there.expected))
  await to.finishRun(there, { kind: 'run', id, fingerprint, content: JSON.stringify(content) })
  progress.add('runs')
}

export async function copyModel({ from, to, progress, note, again }: CopyOptions, model: CopiedModel, experimentId: string, mark: Mark | undefined): Promise<void> {
  const { model_id: id, artifact_uri: uri } = model.info
  const fingerprint = fingerprintOf([modelFacts(model), uri, model.deleted])
  if (mark?.fingerprint === fingerprint && !again) return progress.add('passed')
  const there = await to.model(model, experimentId)
  const summary = new Summary()
  if (there.files !== undefined) await copyFiles({ from, to, progress, note }, { kind: 'model', id, uri }, there.files, summary)
  const content: Content = summary.content(modelFacts(there.expected))
  await to.finishModel(there, model, { kind: 'model', id, fingerprint, content: JSON.stringify(content) })
  progress.add('models')
}

async function copyFiles({ from, to, progress, note }: Omit<CopyOptions, 'again'>, place: FilesOf, there: FilesOf, summary: Summary): Promise<void> {
  if (!from.reaches(place)) {
    note(`${place.kind} ${place.id}: its files at ${place.uri} cannot be read from here, and were not copied`)
    return
  }
  for await (const { path } of from.files(place)) {
    let read = await hashing(from, place, path)
    // Files of a registered version are there already; verifying tells whether they are these.
    if (!(await to.write(there, path, read.content))) {
      read = await hashing(from, place, path)
      for await (const part of read.content) void part
    }
    const { size, sha256 } = read.result()
    summary.addFile(path, size, sha256)
    progress.add('bytes', size)
    progress.add('files')
  }
}

async function hashing(from: Source, place: FilesOf, path: string) {
  const hash = createHash('sha256')
  let size = 0
  const body = await from.read(place, path)
  async function* content(): AsyncIterable<Uint8Array> {
    for await (const part of body) {
      hash.update(part)
      size += part.length
      yield part
    }
  }
  return { content: content(), result: () => ({ size, sha256: hash.digest('hex') }) }
}

/** A connection that breaks, or a server that is busy: what was begun is done again from its start, which changes nothing that is there already. */
async function retried(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const final = error instanceof ApiError ? error.status < 500 && error.status !== 429 : !(error instanceof Error && 'code' in error)
      if (final || attempt === ATTEMPTS) throw error
      await sleep(250 * 2 ** attempt)
    }
  }
}

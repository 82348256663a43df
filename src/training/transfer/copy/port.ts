import type { Experiment, LoggedModel, Metric, ModelVersion, RegisteredModel, Run } from '../../../api/tracking.ts'

/** Whose files are meant: of a run, or of a logged model. `uri` is where its server says they are. */
export interface FilesOf {
  readonly kind: 'run' | 'model'
  readonly id: string
  readonly uri: string
}

export interface SourceFile {
  /** Relative to the owner's place, with `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
}

export interface Totals {
  readonly experiments: number
  readonly runs: number
  readonly models: number
}

/**
 * Where things are copied from. Everything is read in pages, in an order that does not change while others write; nothing is kept. Deleted experiments and
 * runs are read too; deleted logged models where the source gives them.
 */
export interface Source {
  /** Without credentials: it stands in reports, and names the source in the marks of what was copied. */
  readonly name: string
  /** undefined where it would take a pass over everything. */
  readonly totals: () => Promise<Totals | undefined>
  readonly experiments: () => AsyncIterable<Experiment>
  /** Pages of whole runs; `data.metrics` are the latest values. */
  readonly runs: (experimentId: string) => AsyncIterable<readonly Run[]>
  readonly run: (runId: string) => Promise<Run | undefined>
  /** Pages of the points of one metric. */
  readonly history: (runId: string, key: string) => AsyncIterable<readonly Metric[]>
  readonly models: (experimentId: string) => AsyncIterable<readonly CopiedModel[]>
  readonly model: (modelId: string) => Promise<CopiedModel | undefined>
  readonly registered: () => AsyncIterable<RegisteredModel>
  /** Pages, in order of their numbers. */
  readonly versions: (name: string) => AsyncIterable<readonly CopiedVersion[]>
  /** Whether it gives the files there. */
  readonly reaches: (place: FilesOf) => boolean
  readonly files: (place: FilesOf) => AsyncIterable<SourceFile>
  readonly read: (place: FilesOf, path: string) => Promise<AsyncIterable<Uint8Array>>
  readonly close: () => void
}

export interface CopiedModel extends LoggedModel {
  readonly deleted: boolean
}

export interface CopiedVersion extends ModelVersion {
  /** Where the files are, if that is known to be elsewhere than `source` says. */
  readonly location?: string
}

/** What has been copied whole: of what, and what must be found there. */
export interface Mark {
  readonly kind: 'run' | 'model'
  readonly id: string
  /** Of what the source said when it was copied: the same again means that nothing has changed. */
  readonly fingerprint: string
  /** A `Content`, as JSON. */
  readonly content: string
}

/**
 * Where things are copied to. Every method may be repeated and then changes nothing: a copy that was killed begins again at the start and passes over what
 * has its mark. Ids of experiments are the target's, ids of runs and models the source's.
 */
export interface Target {
  readonly name: string
  /** Makes the experiment, or finds it by its name, and gives its id there. A deleted one stays so until something is written to it. */
  readonly experiment: (experiment: Experiment) => Promise<string>
  /** Marks of these, by id; `experimentId` is where they are there. */
  readonly marks: (kind: Mark['kind'], ids: readonly string[], experimentId: string) => Promise<ReadonlyMap<string, Mark>>
  /** Makes the run, or finds it, and brings all but its points and files. */
  readonly run: (run: Run, experimentId: string) => Promise<There<Run>>
  readonly points: (there: There<Run>, points: readonly Metric[]) => Promise<void>
  readonly finishRun: (there: There<Run>, mark: Mark) => Promise<void>
  readonly model: (model: CopiedModel, experimentId: string) => Promise<There<LoggedModel>>
  readonly finishModel: (there: There<LoggedModel>, model: CopiedModel, mark: Mark) => Promise<void>
  /** false where the file is sealed there and stays as it is; the content may then have been read in part. */
  readonly write: (place: FilesOf, path: string, content: AsyncIterable<Uint8Array>) => Promise<boolean>
  /** After everything in it: deletes what is deleted. */
  readonly finishExperiment: (experiment: Experiment, experimentId: string) => Promise<void>
  readonly registered: (model: RegisteredModel, versions: AsyncIterable<readonly CopiedVersion[]>) => Promise<void>
  /** What a version must be found to be there. */
  readonly expectedVersion: (version: CopiedVersion) => Promise<Pick<ModelVersion, 'run_id' | 'model_id'>>
  /** The id there of what was copied; undefined for what was not. */
  readonly runId: (id: string) => Promise<string | undefined>
  readonly modelId: (id: string) => Promise<string | undefined>
  /** To read back what is there. */
  readonly source: Source
}

/** A run or a model as it is at the target. */
export interface There<T> {
  readonly id: string
  /** What must be found there: the same content, with the references that it has there. */
  readonly expected: T
  /** Where its files go; undefined where they stay where they are. */
  readonly files: FilesOf | undefined
}

/** Says what could not be copied as it was. */
export type Note = (text: string) => void

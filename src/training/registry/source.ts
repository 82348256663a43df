import type { Queries } from '../tables.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { ARTIFACT_SCHEME, checkLocation, checkUriPath, isWithin } from '../tracking/artifacts/uri.ts'
import { findModel as findLoggedModel } from '../tracking/logged-models/store.ts'
import { findRun } from '../tracking/runs/store.ts'
import { requireModel, requireVersion } from './require.ts'
import { isPrompt } from './search.ts'
import { findAlias, modelTags } from './store.ts'

export interface SourceInput {
  readonly source: string
  readonly runId: string | undefined
  readonly modelId: string | undefined
}

export interface Origin {
  readonly source: string
  /** Where the files are. */
  readonly location: string
  readonly runId: string | null
  readonly modelId: string | null
}

/**
 * Where a version's files are and where they come from. A source that the server keeps must belong to the run or the logged model that the request
 * names, so that nobody registers, and then reads, another's files; a path of a file system is never accepted (CVE-2023-1177 and its kin).
 */
export async function resolveSource(db: Queries, input: SourceInput): Promise<Origin> {
  const { source, runId, modelId } = input
  const refused = (why: string) => invalid(`Invalid model version source: '${source}'. ${why}`)
  checkUriPath(source, 'source')
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(source)?.[1]?.toLowerCase()

  if (scheme === 'runs') {
    const [, sourceRun, path] = /^runs:\/([^/]+)\/(.+)$/.exec(source) ?? []
    if (sourceRun === undefined || path === undefined) throw refused('Expected runs:/RUN_ID/PATH.')
    if (modelId || sourceRun !== runId) throw refused('The run_id request parameter has to be specified and has to be the run of the source.')
    const run = await findRun(db, sourceRun)
    return { source, location: run === undefined ? source : `${run.artifact_uri}/${path}`, runId, modelId: null }
  }
  if (scheme === 'models') return modelSource(db, input, refused)
  if (scheme === ARTIFACT_SCHEME) {
    checkLocation(source, 'source')
    const run = runId ? await findRun(db, runId) : undefined
    const model = modelId ? await findLoggedModel(db, modelId) : undefined
    const owned = modelId ? model !== undefined && isWithin(source, model.artifact_location) : run !== undefined && isWithin(source, run.artifact_uri)
    if (!owned) throw refused(`The ${modelId ? 'model_id' : 'run_id'} request parameter has to be specified and the source has to be within its artifacts.`)
    return { source, location: source, runId: runId || model?.source_run_id || null, modelId: modelId || null }
  }
  checkLocation(source, 'source')
  return { source, location: source, runId: runId || null, modelId: modelId || null }
}

/** `models:/m-…` (a logged model), `models:/NAME/VERSION` and `models:/NAME@ALIAS` (another version, of which this one becomes a copy). */
async function modelSource(db: Queries, { source, runId, modelId }: SourceInput, refused: (why: string) => Error): Promise<Origin> {
  const logged = /^models:\/(m-[0-9a-f]+)$/.exec(source)?.[1]
  if (logged !== undefined) {
    if (logged !== modelId) throw refused('The model_id request parameter has to be specified and has to be the model of the source.')
    const model = await findLoggedModel(db, logged)
    if (model === undefined) throw refused(`There is no logged model ${logged}.`)
    return { source, location: model.artifact_location, runId: runId || model.source_run_id || null, modelId: logged }
  }
  const [, name, number, alias] = /^models:\/([^/@]+)(?:\/(\d{1,15})|@([\w-]+))$/.exec(source) ?? []
  if (name === undefined) throw refused('Expected models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS.')
  const version = number === undefined ? await findAlias(db, name, alias ?? '') : Number(number)
  if (isPrompt(await modelTags(db, (await requireModel(db, name)).name))) throw refused('Prompt versions cannot be used as model version sources.')
  if (version === undefined) throw new MillraceError('ALIAS_NOT_FOUND', `Registered model alias ${alias} not found.`)
  const original = await requireVersion(db, name, version)
  if ((runId !== undefined && runId !== (original.run_id ?? '')) || (modelId !== undefined && modelId !== (original.model_id ?? ''))) {
    throw refused('The run_id and model_id request parameters must match the referenced model version.')
  }
  return { source: `models:/${name}/${original.version}`, location: original.storage_location, runId: original.run_id, modelId: original.model_id }
}

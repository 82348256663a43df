import type { Double, LoggedModel, Metric, Run } from '../../api/tracking.ts'
import { presentModels, findModel as findLoggedModel } from '../tracking/logged-models/store.ts'
import { presentRuns } from '../tracking/runs/present.ts'
import { findRun } from '../tracking/runs/store.ts'
import type { Queries } from '../tables.ts'
import { type VersionRow, versionTags } from './store.ts'

/** What is known of a version: its own tags over those of its logged model and its run; the latest metrics and the params of both. */
export interface Facts {
  readonly run: Run | undefined
  readonly loggedModel: LoggedModel | undefined
  readonly tags: ReadonlyMap<string, string>
  readonly params: ReadonlyMap<string, string>
  readonly metrics: ReadonlyMap<string, Double>
}

export async function versionFacts(db: Queries, { name, version, run_id: runId, model_id: modelId }: VersionRow): Promise<Facts> {
  const runRow = runId === null ? undefined : await findRun(db, runId)
  const [run] = runRow === undefined ? [] : await presentRuns(db, [runRow])
  const modelRow = modelId === null ? undefined : await findLoggedModel(db, modelId)
  const [loggedModel] = modelRow === undefined ? [] : await presentModels(db, [modelRow])
  const own = await versionTags(db, name, version)
  const pairs = [...(run?.data.tags ?? []), ...(loggedModel?.info.tags ?? []), ...own]
  const params = [...(run?.data.params ?? []), ...(loggedModel?.data.params ?? [])]
  return {
    run,
    loggedModel,
    tags: new Map(pairs.map(({ key, value }) => [key, value])),
    params: new Map(params.map(({ key, value }) => [key, value])),
    metrics: new Map([...(run?.data.metrics ?? []), ...(loggedModel?.data.metrics ?? []).toSorted(older)].map(({ key, value }) => [key, value])),
  }
}

function older(a: Metric, b: Metric): number {
  return a.step - b.step || a.timestamp - b.timestamp
}

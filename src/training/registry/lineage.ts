import type { Lineage } from '../../api/registry.ts'
import type { RegistryContext } from './context.ts'
import { versionFacts } from './facts.ts'
import { findManifest } from './manifests.ts'
import { requireVersion } from './require.ts'
import * as store from './store.ts'

/** Tags by which pipelines, and whoever else trains, say where a model comes from. docs/registry.md lists them. */
const TAGS = {
  commit: ['mlflow.source.git.commit'],
  execution: ['millrace.execution_id'],
  reason: ['millrace.reason'],
  contract: ['millrace.contract'],
  features: ['millrace.features'],
  from: ['millrace.training.from'],
  to: ['millrace.training.to'],
} as const
const DATA = 'millrace.data.'

/** All that is known of where a version comes from, and of where it went. */
export async function lineageOf({ db }: RegistryContext, model: string, version: number): Promise<Lineage> {
  const row = await requireVersion(db.kysely, model, version)
  const { run, tags, params, metrics } = await versionFacts(db.kysely, row)
  const tag = (of: keyof typeof TAGS): string | null => TAGS[of].map((key) => tags.get(key)).find((value) => value !== undefined) ?? null
  const own = await store.versionTags(db.kysely, model, version)
  const aliases = (await store.listAliases(db.kysely, [model])).filter((one) => one.version === version)
  const [from, to] = [tag('from'), tag('to')]
  return {
    model,
    version: String(version),
    created: time(row.creation_time),
    description: row.description === '' ? null : row.description,
    stage: row.stage,
    tags: Object.fromEntries(own.map(({ key, value }) => [key, value])),
    source: row.source,
    copy_of: copiedFrom(row.source),
    copies: (await store.copiesOf(db.kysely, model, version)).map((copy) => ({ model: copy.name, version: String(copy.version) })),
    logged_model: row.model_id,
    digest: (await findManifest(db.kysely, model, version))?.digest ?? null,
    run: run === undefined ? null : presentRun(run.info),
    commit: tag('commit'),
    execution: tag('execution'),
    reason: tag('reason'),
    data: Object.fromEntries([...tags].flatMap(([key, value]) => (key.startsWith(DATA) ? [[key.slice(DATA.length), value]] : []))),
    datasets: (run?.inputs.dataset_inputs ?? []).map(({ dataset, tags: of }) => ({
      name: dataset.name,
      digest: dataset.digest,
      source: dataset.source,
      context: of.find(({ key }) => key === 'mlflow.data.context')?.value ?? null,
    })),
    contract: tag('contract'),
    features: (tag('features') ?? '').split(',').filter((feature) => feature !== ''),
    training_window: from === null && to === null ? null : { from, to },
    params: Object.fromEntries(params),
    metrics: Object.fromEntries(metrics),
    aliases: aliases.map(({ alias }) => alias),
    held: periods(await store.readHistory(db.kysely, model, undefined), row),
  }
}

/** From the move that gave the version an alias until the next move of that alias. What happened before it was made was another of the same number. */
function periods(history: readonly store.HistoryRow[], { version, creation_time: made }: store.VersionRow): Lineage['held'] {
  return history.flatMap((move, i): Lineage['held'] => {
    if (move.version !== version || move.wall_time < made) return []
    const next = history.slice(i + 1).find(({ alias }) => alias === move.alias)
    return [{ alias: move.alias, from: time(move.time), until: next === undefined ? null : time(next.time), actor: move.actor, reason: move.reason }]
  })
}

function presentRun(info: { readonly run_id: string; readonly run_name: string; readonly experiment_id: string; readonly status: string; readonly user_id: string; readonly start_time: number; readonly end_time?: number }): NonNullable<Lineage['run']> {
  const { run_id, run_name: name, experiment_id, status, user_id: user, start_time: started, end_time: ended } = info
  return { run_id, name, experiment_id, status, user, started: time(started), ended: ended === undefined ? null : time(ended) }
}

function copiedFrom(source: string): Lineage['copy_of'] {
  const [, model, version] = /^models:\/([^/]+)\/(\d+)$/.exec(source) ?? []
  return model === undefined || version === undefined ? null : { model, version }
}

const time = (ms: number) => new Date(ms).toISOString()

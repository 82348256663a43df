import type { Static } from 'typebox'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { toInteger, toKeyValues } from '../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import { pageSize } from '../search/index.ts'
import * as aliases from './aliases.ts'
import { moverOf, parseTime } from './caller.ts'
import * as models from './models.ts'
import * as schema from './schema.ts'
import { type RegistrySearch, searchModels, searchVersions } from './search.ts'
import * as versions from './versions.ts'

const MODELS = '/2.0/mlflow/registered-models'
const VERSIONS = '/2.0/mlflow/model-versions'
const MILLRACE = '/2.0/millrace/registered-models'

export function registryEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [...modelEndpoints(context), ...versionEndpoints(context), ...aliasEndpoints(context)]
}

function modelEndpoints(context: TrainingContext): readonly Endpoint[] {
  const latest = (method: 'GET' | 'POST') =>
    endpoint(method, `${MODELS}/get-latest-versions`, schema.latestVersions, async ({ name, stages }) => ({
      model_versions: await versions.latestVersions(context, name, stages ?? []),
    }))
  return [
    endpoint('POST', `${MODELS}/create`, schema.createModel, async ({ name, description, tags }) => ({
      registered_model: await models.createModel(context, { name, description, tags: toKeyValues(tags) }),
    })),
    endpoint('GET', `${MODELS}/get`, schema.modelName, async ({ name }) => ({ registered_model: await models.getModel(context, name) })),
    endpoint('POST', `${MODELS}/rename`, schema.renameModel, async ({ name, new_name }) => ({ registered_model: await models.renameModel(context, name, new_name) })),
    endpoint('PATCH', `${MODELS}/update`, schema.updateModel, async ({ name, description }) => ({
      registered_model: await models.updateModel(context, name, description ?? ''),
    })),
    endpoint('DELETE', `${MODELS}/delete`, schema.modelName, async ({ name }, request) => {
      await models.deleteModel(context, name, moverOf(request, context.clock))
      return {}
    }),
    endpoint('GET', `${MODELS}/search`, schema.searchModels, async (input) => {
      const { models: found, next } = await searchModels(context.db.kysely, toSearch(input, 100, 1000))
      return { registered_models: found, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('POST', `${MODELS}/set-tag`, schema.modelTag, async ({ name, key, value }) => {
      await models.setModelTag(context, name, { key, value: value ?? '' })
      return {}
    }),
    endpoint('DELETE', `${MODELS}/delete-tag`, schema.modelTag, async ({ name, key }) => {
      await models.deleteModelTag(context, name, key)
      return {}
    }),
    latest('GET'),
    latest('POST'),
  ]
}

function versionEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('POST', `${VERSIONS}/create`, schema.createVersion, async (input) => ({
      model_version: await versions.createVersion(context, {
        model: input.name,
        source: input.source,
        runId: input.run_id,
        modelId: input.model_id,
        runLink: input.run_link,
        description: input.description,
        tags: toKeyValues(input.tags),
      }),
    })),
    endpoint('GET', `${VERSIONS}/get`, schema.versionName, async ({ name, version }) => ({
      model_version: await versions.getVersion(context, name, toVersion(version)),
    })),
    endpoint('GET', `${VERSIONS}/get-download-uri`, schema.versionName, async ({ name, version }) => ({
      artifact_uri: await versions.downloadUri(context, name, toVersion(version)),
    })),
    endpoint('PATCH', `${VERSIONS}/update`, schema.updateVersion, async ({ name, version, description }) => ({
      model_version: await versions.updateVersion(context, name, toVersion(version), description ?? ''),
    })),
    endpoint('POST', `${VERSIONS}/transition-stage`, schema.transitionStage, async ({ name, version, stage, archive_existing_versions }) => ({
      model_version: await versions.transitionStage(context, name, toVersion(version), stage, archive_existing_versions ?? false),
    })),
    endpoint('DELETE', `${VERSIONS}/delete`, schema.versionName, async ({ name, version }, request) => {
      await versions.deleteVersion(context, name, toVersion(version), moverOf(request, context.clock))
      return {}
    }),
    endpoint('GET', `${VERSIONS}/search`, schema.searchVersions, async (input) => {
      const { versions: found, next } = await searchVersions(context.db.kysely, toSearch(input, 10_000, 200_000))
      return { model_versions: found, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('POST', `${VERSIONS}/set-tag`, schema.versionTag, async ({ name, version, key, value }) => {
      await versions.setVersionTag(context, name, toVersion(version), { key, value: value ?? '' })
      return {}
    }),
    endpoint('DELETE', `${VERSIONS}/delete-tag`, schema.versionTag, async ({ name, version, key }) => {
      await versions.deleteVersionTag(context, name, toVersion(version), key)
      return {}
    }),
  ]
}

function aliasEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('GET', `${MODELS}/alias`, schema.alias, async ({ name, alias }) => ({ model_version: await aliases.getByAlias(context, name, alias) })),
    endpoint('POST', `${MODELS}/alias`, schema.setAlias, async ({ name, alias, version, expected_version }, request) => {
      await aliases.setAlias(context, { model: name, alias, expected: toExpected(expected_version) }, toVersion(version), moverOf(request, context.clock))
      return {}
    }),
    endpoint('DELETE', `${MODELS}/alias`, schema.deleteAlias, async ({ name, alias, expected_version }, request) => {
      await aliases.deleteAlias(context, { model: name, alias, expected: toExpected(expected_version) }, moverOf(request, context.clock))
      return {}
    }),
    endpoint('GET', `${MILLRACE}/alias-history`, schema.aliasHistory, async ({ name, alias }) => ({ moves: await aliases.aliasHistory(context, name, alias) })),
    endpoint('GET', `${MILLRACE}/champion-at`, schema.championAt, async ({ name, alias, time }) =>
      aliases.moveAt(context, name, alias ?? 'champion', time === undefined ? context.clock.project().getTime() : parseTime(time, 'time')),
    ),
  ]
}

function toVersion(given: string | number): number {
  const text = String(given)
  if (!/^\d{1,15}$/.test(text)) throw invalid(`Parameter 'version' must be an integer, got '${text}'.`)
  return Number(text)
}

/** Empty means that there must be no such alias yet: null does not pass JSON's mapping, where it is the same as absent. */
function toExpected(given: string | number | undefined): number | null | undefined {
  return given === undefined ? undefined : given === '' ? null : toVersion(given)
}

function toSearch(input: Static<typeof schema.searchModels>, standard: number, maximum: number): RegistrySearch {
  const given = input.max_results === undefined ? undefined : toInteger(input.max_results, 'max_results')
  return { filter: input.filter, orderBy: input.order_by, limit: pageSize(given, standard, maximum), token: input.page_token }
}

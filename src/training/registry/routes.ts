import type { Static } from 'typebox'
import { toInteger, toKeyValues } from '../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import { pageSize } from '../search/index.ts'
import * as aliases from './aliases.ts'
import { type Change, changing } from './change.ts'
import type { RegistryContext } from './context.ts'
import { toVersion } from './fields.ts'
import { governanceEndpoints } from './governance-routes.ts'
import * as models from './models.ts'
import * as schema from './schema.ts'
import { type RegistrySearch, searchModels, searchVersions } from './search.ts'
import * as versions from './versions.ts'

const MODELS = '/2.0/mlflow/registered-models'
const VERSIONS = '/2.0/mlflow/model-versions'

export function registryEndpoints(context: RegistryContext): readonly Endpoint[] {
  const change = changing(context)
  return [...modelEndpoints(context, change), ...versionEndpoints(context, change), ...aliasEndpoints(context, change), ...governanceEndpoints(context, change)]
}

function modelEndpoints(context: RegistryContext, change: Change): readonly Endpoint[] {
  const latest = (method: 'GET' | 'POST') =>
    endpoint(method, `${MODELS}/get-latest-versions`, schema.latestVersions, async ({ name, stages }) => ({
      model_versions: await versions.latestVersions(context, name, stages ?? []),
    }))
  return [
    change('POST', `${MODELS}/create`, schema.createModel, async ({ name, description, tags }, by) => ({
      registered_model: await models.createModel(context, { name, description, tags: toKeyValues(tags) }, by),
    })),
    endpoint('GET', `${MODELS}/get`, schema.modelName, async ({ name }) => ({ registered_model: await models.getModel(context, name) })),
    change('POST', `${MODELS}/rename`, schema.renameModel, async ({ name, new_name }, by) => ({ registered_model: await models.renameModel(context, name, new_name, by) })),
    change('PATCH', `${MODELS}/update`, schema.updateModel, async ({ name, description }, by) => ({
      registered_model: await models.describeModel(context, name, description ?? '', by),
    })),
    change('DELETE', `${MODELS}/delete`, schema.modelName, ({ name }, by) => models.deleteModel(context, name, by)),
    endpoint('GET', `${MODELS}/search`, schema.searchModels, async (input) => {
      const { models: found, next } = await searchModels(context.db.kysely, toSearch(input, 100, 1000))
      return { registered_models: found, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    change('POST', `${MODELS}/set-tag`, schema.modelTag, ({ name, key, value }, by) => models.setModelTag(context, name, { key, value: value ?? '' }, by)),
    change('DELETE', `${MODELS}/delete-tag`, schema.modelTag, ({ name, key }, by) => models.deleteModelTag(context, name, key, by)),
    latest('GET'),
    latest('POST'),
  ]
}

function versionEndpoints(context: RegistryContext, change: Change): readonly Endpoint[] {
  return [
    change('POST', `${VERSIONS}/create`, schema.createVersion, async (input, by) => {
      const { name: model, source, run_id: runId, model_id: modelId, run_link: runLink, description } = input
      return { model_version: await versions.createVersion(context, { model, source, runId, modelId, runLink, description, tags: toKeyValues(input.tags) }, by) }
    }),
    endpoint('GET', `${VERSIONS}/get`, schema.versionName, async ({ name, version }) => ({
      model_version: await versions.getVersion(context, name, toVersion(version)),
    })),
    endpoint('GET', `${VERSIONS}/get-download-uri`, schema.versionName, async ({ name, version }) => ({
      artifact_uri: await versions.downloadUri(context.db.kysely, name, toVersion(version)),
    })),
    change('PATCH', `${VERSIONS}/update`, schema.updateVersion, async ({ name, version, description }, by) => ({
      model_version: await versions.describeVersion(context, name, toVersion(version), description ?? '', by),
    })),
    change('POST', `${VERSIONS}/transition-stage`, schema.transitionStage, async ({ name, version, stage, archive_existing_versions }, by) => ({
      model_version: await versions.transitionStage(context, name, toVersion(version), stage, archive_existing_versions ?? false, by),
    })),
    change('DELETE', `${VERSIONS}/delete`, schema.versionName, ({ name, version }, by) => versions.deleteVersion(context, name, toVersion(version), by)),
    endpoint('GET', `${VERSIONS}/search`, schema.searchVersions, async (input) => {
      const { versions: found, next } = await searchVersions(context.db.kysely, toSearch(input, 10_000, 200_000))
      return { model_versions: found, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    change('POST', `${VERSIONS}/set-tag`, schema.versionTag, ({ name, version, key, value }, by) =>
      versions.setVersionTag(context, name, toVersion(version), { key, value: value ?? '' }, by),
    ),
    change('DELETE', `${VERSIONS}/delete-tag`, schema.versionTag, ({ name, version, key }, by) => versions.deleteVersionTag(context, name, toVersion(version), key, by)),
  ]
}

function aliasEndpoints(context: RegistryContext, change: Change): readonly Endpoint[] {
  return [
    endpoint('GET', `${MODELS}/alias`, schema.alias, async ({ name, alias }) => ({ model_version: await aliases.getByAlias(context, name, alias) })),
    change('POST', `${MODELS}/alias`, schema.setAlias, ({ name: model, alias, version, expected_version, override_gate }, by) => {
      const promotion = { change: { model, alias, expected: toExpected(expected_version) }, version: toVersion(version), override: override_gate ?? false }
      return aliases.setAlias(context, promotion, by)
    }),
    change('DELETE', `${MODELS}/alias`, schema.deleteAlias, ({ name, alias, expected_version }, by) =>
      aliases.deleteAlias(context, { model: name, alias, expected: toExpected(expected_version) }, by),
    ),
  ]
}

/** Empty means that there must be no such alias yet: null does not pass JSON's mapping, where it is the same as absent. */
function toExpected(given: string | number | undefined): number | null | undefined {
  return given === undefined ? undefined : given === '' ? null : toVersion(given)
}

function toSearch(input: Static<typeof schema.searchModels>, standard: number, maximum: number): RegistrySearch {
  const given = input.max_results === undefined ? undefined : toInteger(input.max_results, 'max_results')
  return { filter: input.filter, orderBy: input.order_by, limit: pageSize(given, standard, maximum), token: input.page_token }
}

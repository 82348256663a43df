import type { GateOutcome, Lineage, Manifest, Verification, VersionDiff } from '../../../src/api/registry.ts'
import { ACTOR_HEADER, type AliasMove, type ModelVersion, REASON_HEADER, type RegisteredModel } from '../../../src/api/tracking.ts'
import { ask } from '../tracking/ask.ts'
import { quoted } from '../tracking/keys.ts'

const REGISTRY = 'millrace/registry'
const MOST_VERSIONS = 1000

export interface Found<T> {
  readonly items: readonly T[]
  readonly next: string | undefined
}

export async function searchModels(name: string, token: string, signal: AbortSignal): Promise<Found<RegisteredModel>> {
  const query = { max_results: 100, order_by: 'name ASC', ...(name === '' ? {} : { filter: `name ILIKE ${quoted(`%${name}%`)}` }), ...(token === '' ? {} : { page_token: token }) }
  const answer = await ask<{ registered_models?: readonly RegisteredModel[]; next_page_token?: string }>('GET', 'mlflow/registered-models/search', { query, signal })
  return { items: answer.registered_models ?? [], next: answer.next_page_token || undefined }
}

export async function getModel(name: string, signal: AbortSignal): Promise<RegisteredModel> {
  return (await ask<{ registered_model: RegisteredModel }>('GET', 'mlflow/registered-models/get', { query: { name }, signal })).registered_model
}

/** The newest first. */
export async function versionsOf(name: string, signal: AbortSignal): Promise<readonly ModelVersion[]> {
  const query = { filter: `name = ${quoted(name)}`, max_results: MOST_VERSIONS, order_by: 'version_number DESC' }
  return (await ask<{ model_versions?: readonly ModelVersion[] }>('GET', 'mlflow/model-versions/search', { query, signal })).model_versions ?? []
}

export async function getVersion(name: string, version: string, signal: AbortSignal): Promise<ModelVersion> {
  return (await ask<{ model_version: ModelVersion }>('GET', 'mlflow/model-versions/get', { query: { name, version }, signal })).model_version
}

/** Every move of the model's aliases, oldest first. */
export async function movesOf(name: string, signal: AbortSignal): Promise<readonly AliasMove[]> {
  return (await ask<{ moves?: readonly AliasMove[] }>('GET', `${REGISTRY}/history`, { query: { name }, signal })).moves ?? []
}

export const lineageOf = (name: string, version: string, signal: AbortSignal): Promise<Lineage> => ask('GET', `${REGISTRY}/lineage`, { query: { name, version }, signal })
export const manifestOf = (name: string, version: string, signal: AbortSignal): Promise<Manifest> => ask('GET', `${REGISTRY}/manifest`, { query: { name, version }, signal })
export const verify = (name: string, version: string): Promise<Verification> => ask('GET', `${REGISTRY}/verify`, { query: { name, version } })
export const gatesOf = (name: string, version: string, alias: string, signal: AbortSignal): Promise<GateOutcome> => ask('GET', `${REGISTRY}/gates`, { query: { name, version, alias }, signal })
export const diffOf = (name: string, version: string, other: string, signal: AbortSignal): Promise<VersionDiff> =>
  ask('GET', `${REGISTRY}/diff`, { query: { name, version, other_version: other }, signal })

/** Who acts, and why: both stand in the history of the alias. */
export interface By {
  readonly actor: string
  readonly reason: string
}

const headersOf = ({ actor, reason }: By) => ({
  ...(actor === '' ? {} : { [ACTOR_HEADER]: encodeURIComponent(actor) }),
  ...(reason === '' ? {} : { [REASON_HEADER]: encodeURIComponent(reason) }),
})

/** `expected`: where the alias was when its mover looked; null where there was none. Somebody who moved it meanwhile is not overrun. */
export function moveAlias(name: string, alias: string, version: string, expected: string | null, by: By): Promise<unknown> {
  return ask('POST', 'mlflow/registered-models/alias', { body: { name, alias, version, expected_version: expected ?? '' }, headers: headersOf(by) })
}

export function rollBack(name: string, alias: string, expected: string, by: By): Promise<unknown> {
  return ask('POST', `${REGISTRY}/rollback`, { body: { name, alias, expected_version: expected }, headers: headersOf(by) })
}

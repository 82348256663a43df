import { posix } from 'node:path'
import type { KeyValue } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkKey, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import * as store from './store.ts'

export async function requireModel(db: Queries, name: string): Promise<store.ModelRow> {
  checkModelName(name, 'name')
  return found(await store.findModel(db, name), name)
}

/** Makes concurrent changes of the same model wait until this transaction ends: every change of a model, its versions and its aliases begins with it. */
export async function lockModel(trx: Queries, name: string): Promise<store.ModelRow> {
  checkModelName(name, 'name')
  return found(await store.lockModel(trx, name), name)
}

export async function requireVersion(db: Queries, name: string, version: number): Promise<store.VersionRow> {
  checkModelName(name, 'name')
  const row = await store.findVersion(db, name, version)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Model Version (name=${name}, version=${version}) not found`)
  return row
}

/** A wrong name is a wrong parameter even where one only asks for the model, as in MLflow. `field` is the request's. */
export function checkModelName(name: string, field: string): void {
  if (name.trim() === '') throw invalid(`Missing value for required parameter '${field}'.`)
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`)
  if (posix.normalize(name) !== name || name === '.' || name.startsWith('..')) throw invalid(`Invalid value ${JSON.stringify(name)} for parameter '${field}' supplied: it is not a plain name.`)
  checkLength(name, LIMITS.key, field)
}

export function checkRegistryTags(tags: readonly KeyValue[]): void {
  for (const { key, value } of tags) {
    checkKey(key, 'key')
    checkLength(value, LIMITS.registryTagValue, 'value')
  }
}

function found(row: store.ModelRow | undefined, name: string): store.ModelRow {
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Registered Model with name=${name} not found`)
  return row
}
